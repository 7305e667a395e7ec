import { randomBytes } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Reply } from "./operations.js";
import type { ReceivedRequest } from "./request-checks.js";
import { ServiceError } from "./service-error.js";

/** Bytes of a request's body that are read at most: more than any operation allows. */
export const MOST_BODY = 16 * 1024 * 1024;

/** @returns undefined when the caller has gone before it was all there */
export async function bodyOf(question: IncomingMessage): Promise<Buffer | "too large" | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of question as AsyncIterable<Buffer>) {
      length += chunk.length;
      // Read to its end all the same, so that the caller gets to see the answer.
      if (length <= MOST_BODY) chunks.push(chunk);
      else chunks.length = 0;
    }
  } catch {
    return undefined;
  }
  return length > MOST_BODY ? "too large" : Buffer.concat(chunks);
}

/** @throws ServiceError when it cannot be understood at all */
export function received(question: IncomingMessage, body: Buffer): ReceivedRequest {
  const { method = "GET", url = "/" } = question;
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(question.headers)) {
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(",") : value;
  }
  if (method !== "GET" && method !== "DELETE" && headers["content-length"] === undefined && body.length > 0) {
    throw new ServiceError(411, "MissingContentLength", "Content-Length is missing");
  }
  const [path = "/", text = ""] = url.split(/\?(.*)/s);
  const query = text
    .split("&")
    .filter((part) => part !== "")
    .map((part): readonly [string, string] => {
      const [name = "", value = ""] = part.split(/=(.*)/s);
      return [decoded(name), decoded(value)];
    });
  return { method, path, query, headers, body };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    throw new ServiceError(400, "ParameterInvalid", `The query holds ${text}`);
  }
}

export function errorReply({ status, code, message }: ServiceError): Reply {
  return {
    status,
    headers: { "content-type": "application/json" },
    body: Buffer.from(JSON.stringify({ errorCode: code, errorMessage: message })),
  };
}

/** @param date milliseconds since 1970 */
export function send(answer: ServerResponse, reply: Reply, date: number): void {
  answer.sendDate = false;
  answer.writeHead(reply.status, {
    date: new Date(date).toUTCString(),
    server: "headrace-emulator",
    "x-log-requestid": randomBytes(12).toString("hex").toUpperCase(),
    "content-length": String(reply.body.length),
    ...reply.headers,
  });
  const { socket } = answer;
  if (reply.cutAfter !== undefined) {
    answer.write(reply.body.subarray(0, reply.cutAfter), () => socket?.destroy());
    return;
  }
  // A body shorter than promised ends with its connection, as of a service that fell over.
  const promised = Number(reply.headers["content-length"] ?? reply.body.length);
  if (promised > reply.body.length) answer.once("finish", () => socket?.end());
  answer.end(reply.body);
}
