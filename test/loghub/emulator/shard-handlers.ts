import { compress, hasZstd, isCompression } from "./compression.js";
import type { History } from "./history.js";
import { decodeLogGroup, encodeLogGroup, encodeLogGroupList, encodeTag, type Log } from "./log-groups.js";
import type { Logstore } from "./logstore.js";
import type { Call, Reply } from "./operations.js";
import { readPutBody } from "./put-logs.js";
import { parameterInvalid } from "./service-error.js";
import type { Shard, StoredGroup } from "./shard.js";

/** What a service-side filter lets through. Real ones are SPL; the emulator's are functions of the test. */
export type Filter = (log: Log) => boolean;

export interface ShardHandlerSettings {
  readonly history: History;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Inferred: that there is such a limit. At least one group is handed out whatever its size. */
  readonly replyBytes: number;
  /** By the text of a query, or the name of a consume processor. */
  readonly filters: ReadonlyMap<string, Filter>;
  /** Whether what is put gets tags of the time and the address that it came from. */
  readonly appendMeta: boolean;
}

export function json(value: unknown): Reply {
  return { status: 200, headers: { "content-type": "application/json" }, body: Buffer.from(JSON.stringify(value)) };
}

export const empty: Reply = { status: 200, headers: {}, body: Buffer.alloc(0) };

export function listShards(store: Logstore): Reply {
  return json(store.shards.map(describe));
}

function describe(shard: Shard): object {
  return {
    shardID: shard.id,
    status: shard.writable ? "readwrite" : "readonly",
    inclusiveBeginKey: shard.range.begin,
    exclusiveEndKey: shard.range.end,
    createTime: shard.createdAt,
  };
}

export function splitShard(store: Logstore, call: Call): Reply {
  const key = call.query.get("key") ?? "";
  if (!/^[0-9a-f]{32}$/.test(key))
    throw parameterInvalid(`The key ${JSON.stringify(key)} is not 32 hexadecimal digits`);
  return json(store.split(call.shard ?? -1, key).map(describe));
}

export function mergeShards(store: Logstore, call: Call): Reply {
  return json(store.merge(call.shard ?? -1).map(describe));
}

export function getCursor(store: Logstore, call: Call): Reply {
  const shard = store.shard(call.shard ?? -1);
  const from = call.query.get("from") ?? "";
  if (from === "begin") return json({ cursor: shard.cursorOf(shard.begin) });
  if (from === "end") return json({ cursor: shard.cursorOf(shard.end) });
  if (!/^\d{1,10}$/.test(from)) throw parameterInvalid(`from is ${JSON.stringify(from)}: begin, end or seconds`);
  return json({ cursor: shard.cursorOf(shard.firstSince(Number(from))) });
}

export function getCursorTime(store: Logstore, call: Call, { now }: ShardHandlerSettings): Reply {
  const shard = store.shard(call.shard ?? -1);
  const group = shard.at(shard.keptPlaceOf(call.query.get("cursor") ?? ""));
  // Inferred: the time of the end, where nothing has been received yet, is now.
  return json({ cursor_time: group?.receivedAt ?? Math.floor(now() / 1_000) });
}

export function putLogs(store: Logstore, call: Call, { now, appendMeta }: ShardHandlerSettings): Reply {
  const routed = call.path.endsWith("/route");
  const key = call.query.get("key");
  if (routed && (key === undefined || !/^[0-9a-f]{32}$/i.test(key))) {
    throw parameterInvalid(`The key ${JSON.stringify(key ?? "")} is not 32 hexadecimal digits`);
  }
  const time = Math.floor(now() / 1_000);
  const { bytes, logs } = readPutBody(call, time);
  const tags = [encodeTag("__receive_time__", String(time)), encodeTag("__client_ip__", call.clientAddress)];
  const group = appendMeta ? { bytes: Buffer.concat([bytes, ...tags]), logs } : { bytes, logs };
  store.append(group, routed ? key?.toLowerCase() : undefined);
  return empty;
}

export function pullLogs(store: Logstore, call: Call, settings: ShardHandlerSettings): Reply {
  const shard = store.shard(call.shard ?? -1);
  const count = Number(call.query.get("count") ?? "");
  if (!Number.isInteger(count) || count < 1 || count > 1_000) throw parameterInvalid("count is not 1 to 1000");
  if (call.headers["accept"] !== "application/x-protobuf") {
    throw parameterInvalid(`Accept is ${call.headers["accept"] ?? "missing"}, not application/x-protobuf (inferred)`);
  }
  const from = shard.keptPlaceOf(call.query.get("cursor") ?? "");
  const endCursor = call.query.get("end_cursor");
  const last = endCursor === undefined ? shard.end : Math.min(shard.end, shard.placeOf(endCursor));
  const taken = take(shard, from, Math.min(last, from + count), settings.replyBytes);
  const to = from + taken.length;
  const named = call.query.get("query") ?? call.query.get("processor");
  const passed = named === undefined ? taken : filtered(taken, named, settings.filters);
  const groups = encodeLogGroupList(passed.map(({ bytes }) => bytes));
  settings.history.pulls.add({
    at: settings.now(),
    accessKeyId: call.accessKeyId,
    userAgent: call.headers["user-agent"] ?? "",
    connection: call.connection,
    shard: shard.id,
    from,
    to,
    bytes: groups.length,
  });
  const newest = taken.at(-1);
  const raw: Readonly<Record<string, string>> =
    named === undefined
      ? {}
      : {
          "x-log-rawdatacount": String(taken.length),
          "x-log-rawdatasize": String(taken.reduce((sum, { bytes }) => sum + bytes.length, 0)),
          "x-log-rawdatalines": String(taken.reduce((sum, { logs }) => sum + logs, 0)),
          "x-log-resultlines": String(passed.reduce((sum, { logs }) => sum + logs, 0)),
          "x-log-failedlines": "0",
        };
  return withGroups(
    {
      status: 200,
      headers: {
        "content-type": "application/x-protobuf",
        "x-log-cursor": shard.cursorOf(to),
        "x-log-count": String(passed.length),
        ...(to === shard.end ? { "x-log-end-of-cursor": "1" } : {}),
        // Inferred: of which group the time is.
        ...(newest ? { "x-log-cursor-time": String(newest.receivedAt) } : {}),
        ...raw,
      },
      body: Buffer.alloc(0),
    },
    groups,
    call.headers["accept-encoding"],
  );
}

/** A reply of PullLogs with these groups, compressed as the caller accepts. */
export function withGroups(reply: Reply, groups: Buffer, accepted: string | undefined): Reply {
  const how = accepted?.trim() ?? "";
  const headers: Record<string, string> = { ...reply.headers, "x-log-bodyrawsize": String(groups.length) };
  delete headers["x-log-compresstype"];
  // Inferred: that an encoding nobody has heard of is answered without one.
  const packed = groups.length > 0 && isCompression(how) && (how !== "zstd" || hasZstd);
  if (packed) headers["x-log-compresstype"] = how;
  return { ...reply, headers, groups, body: packed ? compress(groups, how) : groups };
}

function take(shard: Shard, from: number, end: number, mostBytes: number): StoredGroup[] {
  const taken: StoredGroup[] = [];
  let bytes = 0;
  for (let place = from; place < end; place++) {
    const group = shard.at(place);
    if (!group || (taken.length > 0 && bytes + group.bytes.length > mostBytes)) break;
    taken.push(group);
    bytes += group.bytes.length;
  }
  return taken;
}

/** Groups of which nothing is left are not in the reply. */
function filtered(groups: readonly StoredGroup[], named: string, filters: ReadonlyMap<string, Filter>): StoredGroup[] {
  const passes = filters.get(named);
  if (!passes)
    throw parameterInvalid(`The emulator was not told what the filter ${JSON.stringify(named)} lets through`);
  return groups.flatMap((group) => {
    const read = decodeLogGroup(group.bytes);
    const logs = read.logs.filter(passes);
    if (logs.length === 0) return [];
    return [{ bytes: encodeLogGroup({ ...read, logs }), logs: logs.length, receivedAt: group.receivedAt }];
  });
}
