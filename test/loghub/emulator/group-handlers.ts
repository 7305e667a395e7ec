import type { History } from "./history.js";
import type { Logstore } from "./logstore.js";
import type { Call, Reply } from "./operations.js";
import { parameterInvalid, ServiceError } from "./service-error.js";
import { empty, json } from "./shard-handlers.js";

export interface GroupHandlerSettings {
  readonly history: History;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

const jsonInvalid = (message: string): ServiceError => new ServiceError(400, "JsonInfoInvalid", message);

function bodyOf(call: Call): unknown {
  try {
    return JSON.parse(call.body.toString("utf8")) as unknown;
  } catch {
    throw jsonInvalid("The body is not JSON");
  }
}

function fieldsOf(call: Call): Readonly<Record<string, unknown>> {
  const body = bodyOf(call);
  if (typeof body !== "object" || body === null || Array.isArray(body)) throw jsonInvalid("The body is not an object");
  return body as Record<string, unknown>;
}

/** Absent where the field is not there. */
function groupSettings(fields: Readonly<Record<string, unknown>>): { timeout?: number; order?: boolean } {
  const { timeout, order } = fields;
  if (timeout !== undefined && (typeof timeout !== "number" || !Number.isInteger(timeout) || timeout < 1)) {
    throw jsonInvalid("timeout is not a number of seconds");
  }
  if (order !== undefined && typeof order !== "boolean") throw jsonInvalid("order is neither true nor false");
  return { ...(timeout === undefined ? {} : { timeout }), ...(order === undefined ? {} : { order }) };
}

export function createGroup(store: Logstore, call: Call): Reply {
  const fields = fieldsOf(call);
  const name = fields["consumerGroup"];
  // Inferred: which letters a name may have.
  if (typeof name !== "string" || !/^[\w.-]{1,255}$/.test(name)) throw jsonInvalid("consumerGroup is not a name");
  const { timeout, order } = groupSettings(fields);
  if (timeout === undefined || order === undefined) throw jsonInvalid("timeout or order is missing");
  store.createGroup({ name, timeout, order });
  return empty;
}

export function updateGroup(store: Logstore, call: Call, { now }: GroupHandlerSettings): Reply {
  store.group(call.group ?? "").change(groupSettings(fieldsOf(call)), now());
  return empty;
}

export function deleteGroup(store: Logstore, call: Call): Reply {
  store.deleteGroup(call.group ?? "");
  return empty;
}

export function listGroups(store: Logstore): Reply {
  return json(store.groups.map(({ settings }) => settings));
}

export function heartbeat(store: Logstore, call: Call, { history, now }: GroupHandlerSettings): Reply {
  const group = call.group ?? "";
  const consumer = call.query.get("consumer") ?? "";
  if (consumer === "") throw parameterInvalid("consumer is missing");
  const reported = bodyOf(call);
  if (!Array.isArray(reported) || !reported.every((shard) => Number.isInteger(shard))) {
    throw jsonInvalid("The body is not a list of shards");
  }
  const beat = { at: now(), group, consumer, reported: reported as number[] };
  try {
    const reply = store.group(group).heartbeat(consumer, beat.reported, now());
    history.beats.add({ ...beat, reply });
    return json(reply);
  } catch (error) {
    if (error instanceof ServiceError) history.beats.add({ ...beat, reply: error.code });
    throw error;
  }
}

export function updateCheckpoint(store: Logstore, call: Call, { history, now }: GroupHandlerSettings): Reply {
  const { shard, checkpoint } = fieldsOf(call);
  if (typeof shard !== "number" || !Number.isInteger(shard)) throw jsonInvalid("shard is not a number");
  if (typeof checkpoint !== "string") throw jsonInvalid("checkpoint is not a text");
  const consumer = call.query.get("consumer") ?? "";
  // The official Python client writes True and False.
  const asked = (call.query.get("forceSuccess") ?? "").toLowerCase();
  if (asked !== "true" && asked !== "false") throw parameterInvalid("forceSuccess is neither true nor false");
  const force = asked === "true";
  if (!force && consumer === "") throw parameterInvalid("Without a consumer forceSuccess must be true");
  const group = call.group ?? "";
  const write = { at: now(), accessKeyId: call.accessKeyId, group, shard, consumer, cursor: checkpoint, forced: force };
  try {
    store.group(group).save({ shard, checkpoint, consumer, force }, now());
    history.checkpoints.add({ ...write, refused: undefined });
    return empty;
  } catch (error) {
    if (error instanceof ServiceError) history.checkpoints.add({ ...write, refused: error.code });
    throw error;
  }
}

export function getCheckpoints(store: Logstore, call: Call): Reply {
  const all = store.group(call.group ?? "").checkpoints();
  const asked = call.query.get("shard");
  // The official Python client asks for all with -1.
  if (asked === undefined || asked === "-1") return json(all);
  if (!/^\d+$/.test(asked)) throw parameterInvalid("shard is not a number");
  return json(all.filter(({ shard }) => shard === Number(asked)));
}
