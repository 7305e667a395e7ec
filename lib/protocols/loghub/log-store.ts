import { checkLogGroups } from "../../formats/log-groups/check-log-groups.js";
import { packBody, unpackBody } from "./compression.js";
import type { LogHubCompression } from "./compression-names.js";
import type { HttpReply } from "./http-call.js";
import { header, LogHubClient, type LogHubClientSettings } from "./loghub-client.js";
import { LogHubError, type Operation } from "./loghub-error.js";
import type {
  ConsumerGroupInfo,
  Cursor,
  EncodedLogGroup,
  LogStore,
  Member,
  PulledGroups,
  PullRequest,
  ShardInfo,
} from "./port.js";
import { ReplyMemory } from "./reply-memory.js";
import type { PlainRequest } from "./signed-request.js";

export interface LogStoreSettings extends LogHubClientSettings {
  readonly project: string;
  readonly logstore: string;
  /** Of what is put, and asked for when pulling. */
  readonly compression: LogHubCompression;
}

/** Over HTTP, as the service's REST API has it: https://www.alibabacloud.com/help/en/sls/developer-reference/api-reference */
export function openLogStore(settings: LogStoreSettings): LogStore {
  return new HttpLogStore(settings);
}

const NOTHING = Buffer.alloc(0);

class HttpLogStore implements LogStore {
  readonly #settings: LogStoreSettings;
  readonly #client: LogHubClient;
  readonly #path: string;
  readonly #memory = new ReplyMemory();

  constructor(settings: LogStoreSettings) {
    this.#settings = settings;
    this.#client = new LogHubClient(settings);
    this.#path = `/logstores/${encodeURIComponent(settings.logstore)}`;
  }

  async shards(signal: AbortSignal): Promise<readonly ShardInfo[]> {
    const operation = this.#operation("ListShards", "log:ListShards");
    const reply = await this.#client.ask(operation, get(`${this.#path}/shards`), signal);
    return objects(operation, reply).map((shard) => ({
      shard: whole(operation, shard, "shardID"),
      writable: shard["status"] === "readwrite",
      beginKey: String(shard["inclusiveBeginKey"] ?? ""),
      endKey: String(shard["exclusiveEndKey"] ?? ""),
    }));
  }

  async cursor(shard: number, from: "begin" | "end" | number, signal: AbortSignal): Promise<Cursor> {
    const operation = this.#operation(`GetCursor of shard ${shard}`, "log:GetCursorOrData");
    const reply = await this.#client.ask(
      operation,
      get(this.#shard(shard), { type: "cursor", from: String(from) }),
      signal,
    );
    const { cursor } = object(operation, reply);
    if (typeof cursor !== "string" || cursor === "") throw broken(operation, reply, "it holds no cursor");
    return cursor;
  }

  async cursorTime(shard: number, cursor: Cursor, signal: AbortSignal): Promise<number> {
    const operation = this.#operation(`GetCursorTime of shard ${shard}`, "log:GetCursorOrData");
    const reply = await this.#client.ask(operation, get(this.#shard(shard), { type: "cursor_time", cursor }), signal);
    return whole(operation, object(operation, reply), "cursor_time");
  }

  async pull({ shard, cursor, count, filter }: PullRequest, signal: AbortSignal): Promise<PulledGroups> {
    const operation = this.#operation(`PullLogs of shard ${shard}`, "log:GetCursorOrData");
    const { compression } = this.#settings;
    const request = get(
      this.#shard(shard),
      { type: "log", cursor, count: String(count), ...filterQuery(filter) },
      { accept: "application/x-protobuf", "accept-encoding": compression === "none" ? "" : compression },
    );
    const reply = await this.#client.ask(operation, request, signal);
    const bytes = this.#number(operation, reply, "x-log-bodyrawsize");
    const groupCount = this.#number(operation, reply, "x-log-count");
    const { groups, release } = await this.#unpacked(operation, reply, bytes, groupCount);
    if (signal.aborted) release();
    signal.throwIfAborted();
    if (bytes === 0) this.#memory.idle();
    const next = header(reply, "x-log-cursor");
    const atEnd = header(reply, "x-log-end-of-cursor");
    return {
      groups,
      groupCount,
      next: next === undefined || next === "" ? cursor : next,
      atEnd: atEnd === undefined ? undefined : /^(1|true)$/i.test(atEnd),
      rawCount: optionalNumber(reply, "x-log-rawdatacount") ?? groupCount,
      rawBytes: optionalNumber(reply, "x-log-rawdatasize") ?? bytes,
      receivedAt: optionalNumber(reply, "x-log-cursor-time"),
      release,
    };
  }

  async put(group: EncodedLogGroup, hashKey: string | undefined, signal: AbortSignal): Promise<void> {
    const operation = this.#operation(`PutLogs of ${group.logs} logs`, "log:PostLogStoreLogs", true);
    const { compression } = this.#settings;
    const body = await packBody(compression, group.bytes);
    const place = hashKey === undefined ? "lb" : "route";
    const request: PlainRequest = {
      method: "POST",
      path: `${this.#path}/shards/${place}`,
      query: hashKey === undefined ? {} : { key: hashKey },
      headers: {
        "content-type": "application/x-protobuf",
        "x-log-bodyrawsize": String(group.bytes.length),
        ...(compression === "none" ? {} : { "x-log-compresstype": compression }),
      },
      body,
    };
    await this.#client.ask(operation, request, signal);
  }

  async consumerGroups(signal: AbortSignal): Promise<readonly ConsumerGroupInfo[]> {
    const operation = this.#operation("ListConsumerGroup", "log:ListConsumerGroup");
    const reply = await this.#client.ask(operation, get(`${this.#path}/consumergroups`), signal);
    return objects(operation, reply).map((group) => ({
      name: String(group["name"]),
      timeout: whole(operation, group, "timeout"),
      inOrder: group["order"] === true,
    }));
  }

  async createConsumerGroup({ name, timeout, inOrder }: ConsumerGroupInfo, signal: AbortSignal): Promise<void> {
    const operation = this.#operation(`CreateConsumerGroup ${name}`, "log:CreateConsumerGroup", true);
    const path = `${this.#path}/consumergroups`;
    await this.#client.ask(operation, json("POST", path, {}, { consumerGroup: name, timeout, order: inOrder }), signal);
  }

  async updateConsumerGroup({ name, timeout, inOrder }: ConsumerGroupInfo, signal: AbortSignal): Promise<void> {
    const operation = this.#operation(`UpdateConsumerGroup ${name}`, "log:UpdateConsumerGroup", true);
    await this.#client.ask(operation, json("PUT", this.#group(name), {}, { order: inOrder, timeout }), signal);
  }

  async heartbeat(
    { group, consumer }: Member,
    shards: readonly number[],
    signal: AbortSignal,
  ): Promise<readonly number[]> {
    const operation = this.#operation(`HeartBeat of ${consumer} in ${group}`, "log:ConsumerGroupHeartBeat", true);
    const request = json("POST", this.#group(group), { type: "heartbeat", consumer }, shards);
    const reply = await this.#client.ask(operation, request, signal);
    const held = parsed(operation, reply);
    if (!Array.isArray(held) || !held.every((shard) => Number.isSafeInteger(shard) && shard >= 0)) {
      throw broken(operation, reply, "it is no list of shards");
    }
    return held as number[];
  }

  async checkpoint(group: string, shard: number, signal: AbortSignal): Promise<Cursor | undefined> {
    const operation = this.#operation(`GetCheckPoint of shard ${shard} in ${group}`, "log:GetConsumerGroupCheckPoint");
    const reply = await this.#client.ask(operation, get(this.#group(group), { shard: String(shard) }), signal);
    const saved = objects(operation, reply).find((entry) => entry["shard"] === shard)?.["checkpoint"];
    if (saved === undefined || saved === "") return undefined;
    if (typeof saved !== "string") throw broken(operation, reply, "its checkpoint is no text");
    return saved;
  }

  async saveCheckpoint({ group, consumer }: Member, shard: number, cursor: Cursor, signal: AbortSignal): Promise<void> {
    const operation = this.#operation(
      `UpdateCheckPoint of shard ${shard} in ${group}`,
      "log:ConsumerGroupUpdateCheckPoint",
      true,
    );
    const query = { type: "checkpoint", consumer, forceSuccess: "false" };
    await this.#client.ask(operation, json("POST", this.#group(group), query, { shard, checkpoint: cursor }), signal);
  }

  close(): void {
    this.#client.close();
  }

  #operation(what: string, action: string, changes = false): Operation {
    const { project, logstore } = this.#settings;
    return { what: `${what} (${project}/${logstore})`, action, changes };
  }

  #shard(shard: number): string {
    return `${this.#path}/shards/${shard}`;
  }

  #group(name: string): string {
    return `${this.#path}/consumergroups/${encodeURIComponent(name)}`;
  }

  /** A number of the head of a PullLogs reply that must be there. */
  #number(operation: Operation, reply: HttpReply, name: string): number {
    const value = optionalNumber(reply, name);
    if (value === undefined) throw broken(operation, reply, `it lacks ${name}`);
    return value;
  }

  /** `release` gives back what has been taken for it. */
  async #unpacked(
    operation: Operation,
    reply: HttpReply,
    bytes: number,
    groupCount: number,
  ): Promise<{ groups: Buffer; release(): void }> {
    const { mostReplyBytes } = this.#settings;
    if (bytes > mostReplyBytes) throw broken(operation, reply, `it says that it holds ${bytes} bytes`);
    // Packings other than LZ4 bring memory of their own.
    let taken: Buffer | undefined;
    const release = () => {
      if (taken) this.#memory.give(taken);
      taken = undefined;
    };
    const take = (length: number) => (taken = this.#memory.take(length));
    try {
      // With nothing in it the body may be anything: packed nothing, or nothing.
      const groups =
        bytes === 0 ? NOTHING : await unpackBody(header(reply, "x-log-compresstype") ?? "", reply.body, bytes, take);
      const found = await checkLogGroups(groups);
      if (found !== groupCount) throw new Error(`it holds ${found} LogGroups, not ${groupCount}`);
      return { groups, release };
    } catch (error) {
      release();
      throw broken(operation, reply, error instanceof Error ? error.message : String(error), error);
    }
  }
}

function filterQuery(filter: PullRequest["filter"]): Record<string, string> {
  if (filter === undefined) return {};
  return "query" in filter ? { query: filter.query, pullMode: "scan_on_stream" } : { processor: filter.processor };
}

function get(path: string, query: Record<string, string> = {}, headers: Record<string, string> = {}): PlainRequest {
  return { method: "GET", path, query, headers, body: NOTHING };
}

function json(method: "POST" | "PUT", path: string, query: Record<string, string>, value: unknown): PlainRequest {
  const headers = { "content-type": "application/json" };
  return { method, path, query, headers, body: Buffer.from(JSON.stringify(value)) };
}

function optionalNumber(reply: HttpReply, name: string): number | undefined {
  const text = header(reply, name);
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

type JsonObject = Readonly<Record<string, unknown>>;

function parsed(operation: Operation, reply: HttpReply): unknown {
  try {
    return JSON.parse(reply.body.toString());
  } catch (error) {
    throw broken(operation, reply, "it is no JSON", error);
  }
}

function object(operation: Operation, reply: HttpReply): JsonObject {
  const value = parsed(operation, reply);
  if (typeof value !== "object" || value === null) throw broken(operation, reply, "it is no JSON object");
  return value as JsonObject;
}

function objects(operation: Operation, reply: HttpReply): readonly JsonObject[] {
  const value = parsed(operation, reply);
  if (!Array.isArray(value) || !value.every((entry) => typeof entry === "object" && entry !== null)) {
    throw broken(operation, reply, "it is no list of JSON objects");
  }
  return value as JsonObject[];
}

function whole(operation: Operation, value: JsonObject, name: string): number {
  const number = Number(value[name] ?? Number.NaN);
  if (Number.isSafeInteger(number)) return number;
  throw new LogHubError("FLUME_LOGHUB_REPLY_BROKEN", operation, { reason: `it holds no number ${name}` });
}

function broken(operation: Operation, reply: HttpReply, reason: string, cause?: unknown): LogHubError {
  const { status } = reply;
  const requestId = header(reply, "x-log-requestid");
  return new LogHubError("FLUME_LOGHUB_REPLY_BROKEN", operation, { reason, status, requestId, cause });
}
