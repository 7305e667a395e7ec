// A strict stand-in for Alibaba Cloud Log Service on loopback, for tests and for trying a flow by hand
// (npm run counterpart -- loghub). What it does is documented by the service, published by its makers or seen of their
// clients, or else marked "inferred" where it is decided; docs/log-service-emulator.md lists that.
//
//   const service = await startLogService({ shards: 4 });            // service.endpoint, .project, .logstore, .key
//   service.store().appendLogs({ logs: [{ time, contents: [["k", "v"]] }] }, 0);   // into shard 0, not over HTTP
//   const fault = service.inject({ on: "PullLogs", shard: 1, times: 3 }, faults.shardReadQuota());
//   service.history.epochsOf(0);      // who held shard 0, from when until when
//   service.history.pulls.entries;    // who pulled what: give each consumer a key of its own with service.addKey("a")
//   await service.close();
import { randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { type Clock, systemClock } from "../../../lib/engine/clock.js";
import { onLeftover } from "../../support/cleanup.js";
import type { EndOfReadOnly } from "./consumer-group.js";
import { bodyOf, errorReply, MOST_BODY, received, send } from "./exchange.js";
import { type Fault, type FaultHandle, type FaultPlace, FaultPlan } from "./faults.js";
import {
  createGroup,
  deleteGroup,
  getCheckpoints,
  heartbeat,
  listGroups,
  updateCheckpoint,
  updateGroup,
} from "./group-handlers.js";
import { History } from "./history.js";
import { Logstore } from "./logstore.js";
import { actionOf, type Call, findOperation, type Operation, type Reply } from "./operations.js";
import { type AccessKey, checkRequest } from "./request-checks.js";
import { ServiceError } from "./service-error.js";
import {
  type Filter,
  getCursor,
  getCursorTime,
  listShards,
  mergeShards,
  pullLogs,
  putLogs,
  splitShard,
} from "./shard-handlers.js";

export interface LogServiceSettings {
  readonly project: string;
  /** The one that is there at the beginning. */
  readonly logstore: string;
  readonly shards: number;
  /** Seconds that a group is kept. */
  readonly ttl: number;
  /** Bytes of groups that one logstore keeps at most; what would go beyond is refused. */
  readonly capacity: number;
  readonly region: string;
  /** Whether signatures are verified; else any key is taken. */
  readonly verify: boolean;
  /** Bytes of groups in one reply of PullLogs, before compression. */
  readonly replyBytes: number;
  readonly endOfReadOnly: EndOfReadOnly;
  /** Whether groups that are put get the tags __receive_time__ and __client_ip__: a setting of real logstores. */
  readonly appendMeta: boolean;
  /** Entries of each kind that the history keeps. */
  readonly historyLimit: number;
  readonly clock: Clock;
  /** 0: one from the system. */
  readonly port: number;
}

const defaults: LogServiceSettings = {
  project: "headrace",
  logstore: "logs",
  shards: 2,
  ttl: 30 * 24 * 3_600,
  capacity: 512 * 1024 * 1024,
  region: "cn-hangzhou",
  verify: true,
  replyBytes: 10 * 1024 * 1024,
  endOfReadOnly: "on-write",
  appendMeta: false,
  historyLimit: 200_000,
  clock: systemClock,
  port: 0,
};

export async function startLogService(settings: Partial<LogServiceSettings> = {}): Promise<LogService> {
  const service = new LogService({ ...defaults, ...settings });
  await service.listen();
  return service;
}

export class LogService {
  readonly history: History;
  /** What a query's text, or a consume processor's name, lets through. */
  readonly filters = new Map<string, Filter>();
  readonly keys = new Map<string, AccessKey>();
  /** The key that is there at the beginning. */
  readonly key: AccessKey;
  /** Milliseconds by which the service's time of day differs from its clock: in Date headers and in judging requests'. */
  dateOffset = 0;
  readonly #settings: LogServiceSettings;
  readonly #stores = new Map<string, Logstore>();
  readonly #plan = new FaultPlan();
  readonly #counts = new Map<Operation, number>();
  readonly #server: Server;
  readonly #connections = new Map<Socket, number>();
  readonly #closing = new AbortController();
  readonly #notLeftOver: () => void;
  #connectionsMade = 0;

  constructor(settings: LogServiceSettings) {
    this.#settings = settings;
    this.history = new History(settings.historyLimit);
    this.key = this.addKey("emulator-key-id");
    const { logstore: name, shards, ttl, capacity, endOfReadOnly, clock } = settings;
    this.#stores.set(name, new Logstore({ name, shards, ttl, capacity, endOfReadOnly }, clock, this.history));
    this.#server = createServer({ requireHostHeader: false, keepAliveTimeout: 60_000 }, (question, answer) => {
      this.#serve(question, answer).catch((error: unknown) => {
        console.error("The log service emulator failed:", error);
        answer.destroy();
      });
    });
    this.#server.on("connection", (socket) => {
      this.#connections.set(socket, ++this.#connectionsMade);
      socket.on("close", () => this.#connections.delete(socket));
    });
    this.#notLeftOver = onLeftover("log service emulator", () => this.close());
  }

  listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(this.#settings.port, "127.0.0.1", resolve);
    });
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get project(): string {
    return this.#settings.project;
  }

  /** Name of the logstore that is there at the beginning. */
  get logstore(): string {
    return this.#settings.logstore;
  }

  get region(): string {
    return this.#settings.region;
  }

  /** @param name the first one when absent */
  store(name = this.#settings.logstore): Logstore {
    const store = this.#stores.get(name);
    if (!store) throw new ServiceError(404, "LogStoreNotExist", `Logstore ${name} does not exist`);
    return store;
  }

  addKey(id: string): AccessKey {
    const key: AccessKey = { id, secret: randomBytes(15).toString("hex"), denied: new Set() };
    this.keys.set(id, key);
    return key;
  }

  /** Temporary keys with a token. @param expiresAt milliseconds since 1970 */
  issueToken(expiresAt: number): AccessKey & { readonly token: string } {
    const key = {
      id: `STS.${randomBytes(8).toString("hex")}`,
      secret: randomBytes(15).toString("hex"),
      token: randomBytes(30).toString("base64"),
      tokenExpiresAt: expiresAt,
      denied: new Set<string>(),
    };
    this.keys.set(key.id, key);
    return key;
  }

  /** From now on, until it has hit as often as it says or is ended. */
  inject(place: FaultPlace, fault: Fault): FaultHandle {
    return this.#plan.add(place, fault);
  }

  endFaults(): void {
    this.#plan.clear();
  }

  /** Calls that were understood and whose caller was let in; those that a fault hit too. */
  calls(operation: Operation): number {
    return this.#counts.get(operation) ?? 0;
  }

  /** TCP connections that are open. */
  get connections(): number {
    return this.#connections.size;
  }

  async close(): Promise<void> {
    this.#notLeftOver();
    this.#closing.abort();
    for (const socket of this.#connections.keys()) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** Milliseconds since 1970. */
  readonly #now = (): number => this.#settings.clock.now();

  async #serve(question: IncomingMessage, answer: ServerResponse): Promise<void> {
    const body = await bodyOf(question);
    if (!body) return;
    let reply: Reply;
    try {
      if (body === "too large")
        throw new ServiceError(400, "PostBodyTooLarge", `More than ${MOST_BODY} bytes were sent`);
      const call = this.#understand(question, body);
      this.#counts.set(call.operation, this.calls(call.operation) + 1);
      const met = this.#plan.for(call);
      const interrupted = await this.#before(met);
      if (interrupted === "silence") return;
      if (interrupted === "reset") return void question.socket.resetAndDestroy();
      reply = interrupted ?? this.#carryOut(call);
      for (const fault of met) {
        if (fault.kind === "change") reply = fault.change(reply, call);
        if (fault.kind === "silence") return;
        if (fault.kind === "reset") return void question.socket.resetAndDestroy();
      }
    } catch (error) {
      if (this.#closing.signal.aborted) return;
      if (!(error instanceof ServiceError)) throw error;
      reply = errorReply(error);
    }
    send(answer, reply, this.#now() + this.dateOffset);
  }

  /** @throws ServiceError what the service would object to before it looks at the operation */
  #understand(question: IncomingMessage, body: Buffer): Call {
    const request = received(question, body);
    const verified = this.#settings.verify ? this.keys : undefined;
    const key = checkRequest(request, this.#now() + this.dateOffset, { keys: verified, region: this.#settings.region });
    this.#checkProject(request.headers["host"] ?? "");
    const query = new Map(request.query);
    const target = findOperation(request.method, request.path, query);
    // Inferred: the code.
    if (!target) throw new ServiceError(404, "PathNotExist", `${request.method} ${request.path} is no operation`);
    const action = actionOf[target.operation];
    if (key?.denied.has(action)) {
      throw new ServiceError(
        401,
        "Unauthorized",
        `denied by sts or ram, action: log:${action}, logstore: ${target.logstore}`,
      );
    }
    return {
      ...target,
      path: request.path,
      query,
      headers: request.headers,
      body,
      accessKeyId: key?.id ?? "",
      connection: this.#connections.get(question.socket) ?? 0,
      clientAddress: question.socket.remoteAddress ?? "",
    };
  }

  /** The project is the first label of the host; a bare address means the only one there is. */
  #checkProject(host: string): void {
    const name = host.replace(/:\d+$/, "");
    if (name === "127.0.0.1" || name === "localhost") return;
    const [project = ""] = name.split(".");
    if (project !== this.#settings.project) {
      throw new ServiceError(404, "ProjectNotExist", `The Project does not exist : ${project}`);
    }
  }

  async #before(met: readonly Fault[]): Promise<Reply | "silence" | "reset" | undefined> {
    for (const fault of met) {
      switch (fault.kind) {
        case "delay":
          await sleep(fault.milliseconds, undefined, { signal: this.#closing.signal });
          break;
        case "hold":
          await fault.until;
          break;
        case "answer":
          return {
            status: fault.status,
            headers: { "content-type": fault.contentType },
            body: Buffer.from(fault.body),
          };
        case "silence":
        case "reset":
          if (fault.moment === "before") return fault.kind;
          break;
        case "change":
          break;
      }
    }
    return undefined;
  }

  #carryOut(call: Call): Reply {
    const store = this.store(call.logstore);
    const { history, filters } = this;
    const { replyBytes, appendMeta } = this.#settings;
    const settings = { history, filters, now: this.#now, replyBytes, appendMeta };
    switch (call.operation) {
      case "ListShards":
        return listShards(store);
      case "GetCursor":
        return getCursor(store, call);
      case "GetCursorTime":
        return getCursorTime(store, call, settings);
      case "PullLogs":
        return pullLogs(store, call, settings);
      case "PutLogs":
        return putLogs(store, call, settings);
      case "SplitShard":
        return splitShard(store, call);
      case "MergeShards":
        return mergeShards(store, call);
      case "CreateConsumerGroup":
        return createGroup(store, call);
      case "UpdateConsumerGroup":
        return updateGroup(store, call, settings);
      case "DeleteConsumerGroup":
        return deleteGroup(store, call);
      case "ListConsumerGroup":
        return listGroups(store);
      case "HeartBeat":
        return heartbeat(store, call, settings);
      case "UpdateCheckPoint":
        return updateCheckpoint(store, call, settings);
      case "GetCheckPoint":
        return getCheckpoints(store, call);
    }
  }
}
