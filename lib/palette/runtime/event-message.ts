import { isUtf8 } from "node:buffer";
import type { PayloadForm } from "../../engine/common-properties.js";
import { HeadraceError, reasonOf } from "../../engine/errors.js";
import { copyHeaders, createEvent, type FlumeEvent, NO_HEADERS } from "../../engine/event.js";
import type { NodeMessage } from "./node-red.js";

/** An event as a message for an ordinary node. Body and headers are copies, because messages get changed. */
export function messageOf(event: FlumeEvent, form: PayloadForm, id: string): NodeMessage {
  const { body, headers } = event;
  const asText = form === "text" || (form === "auto" && isUtf8(body));
  return new Message(id, asText ? body.toString("utf8") : Buffer.from(body), new FlumePart({ ...headers }));
}

/*
 * Plain objects, as people's code and Node-RED's expect them, but made by constructors: what a literal makes for each
 * message may come into old space at once (docs/tracking-internals.md, "Pitfalls").
 */
const Message = function (this: NodeMessage, id: string, payload: unknown, flume: unknown) {
  this._msgid = id;
  this.payload = payload;
  this.flume = flume;
} as unknown as new (
  id: string,
  payload: unknown,
  flume: unknown,
) => NodeMessage;
Message.prototype = Object.prototype;
const FlumePart = function (this: { headers: object }, headers: object) {
  this.headers = headers;
} as unknown as new (
  headers: object,
) => { headers: object };
FlumePart.prototype = Object.prototype;

/**
 * A message as an event: text and Buffers as they are, anything else as JSON; `msg.flume.headers` become
 * its headers. Bytes are copied, because the message may still be changed elsewhere.
 * @throws HeadraceError FLUME_MESSAGE_NOT_AN_EVENT
 */
export function eventOf(message: NodeMessage): FlumeEvent {
  return createEvent(bodyOf(message.payload), headersOf(message.flume));
}

function bodyOf(payload: unknown): Buffer {
  if (typeof payload === "string") return Buffer.from(payload, "utf8");
  if (payload instanceof Uint8Array) return Buffer.from(payload);
  let json: string | undefined;
  try {
    json = JSON.stringify(payload);
  } catch (error) {
    throw notAnEvent(reasonOf(error));
  }
  if (json === undefined) throw notAnEvent(`it is ${typeof payload}`);
  return Buffer.from(json, "utf8");
}

function headersOf(flume: unknown): FlumeEvent["headers"] {
  const given = typeof flume === "object" && flume !== null && "headers" in flume ? flume.headers : undefined;
  if (given === undefined || given === null) return NO_HEADERS;
  if (typeof given !== "object" || Array.isArray(given)) throw notAnEvent("msg.flume.headers is not an object");
  const headers = copyHeaders();
  for (const [name, value] of Object.entries(given)) {
    if (value === null || value === undefined) continue;
    if (typeof value === "object" || typeof value === "function" || typeof value === "symbol") {
      throw notAnEvent(`header ${name} is not a text`);
    }
    headers[name] = String(value);
  }
  return headers;
}

function notAnEvent(reason: string): HeadraceError {
  return new HeadraceError("FLUME_MESSAGE_NOT_AN_EVENT", { reason });
}
