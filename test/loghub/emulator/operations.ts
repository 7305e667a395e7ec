/** What can be asked of the service, named as in its API reference. */
export type Operation =
  | "ListShards"
  | "GetCursor"
  | "GetCursorTime"
  | "PullLogs"
  | "PutLogs"
  | "SplitShard"
  | "MergeShards"
  | "CreateConsumerGroup"
  | "UpdateConsumerGroup"
  | "DeleteConsumerGroup"
  | "ListConsumerGroup"
  | "HeartBeat"
  | "UpdateCheckPoint"
  | "GetCheckPoint";

/** The rights that the service's access control names, behind "log:". */
export const actionOf: Readonly<Record<Operation, string>> = {
  ListShards: "ListShards",
  GetCursor: "GetCursorOrData",
  GetCursorTime: "GetCursorOrData",
  PullLogs: "GetCursorOrData",
  PutLogs: "PostLogStoreLogs",
  SplitShard: "SplitShard",
  MergeShards: "MergeShards",
  CreateConsumerGroup: "CreateConsumerGroup",
  UpdateConsumerGroup: "UpdateConsumerGroup",
  DeleteConsumerGroup: "DeleteConsumerGroup",
  ListConsumerGroup: "ListConsumerGroup",
  HeartBeat: "ConsumerGroupHeartBeat",
  UpdateCheckPoint: "ConsumerGroupUpdateCheckPoint",
  GetCheckPoint: "GetConsumerGroupCheckPoint",
};

/** A request that has been understood. */
export interface Call {
  readonly operation: Operation;
  readonly logstore: string;
  readonly shard: number | undefined;
  readonly group: string | undefined;
  readonly path: string;
  readonly query: ReadonlyMap<string, string>;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  readonly accessKeyId: string;
  /** A number of the TCP connection. */
  readonly connection: number;
  readonly clientAddress: string;
}

export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  /** Of PullLogs: the groups before they are compressed into the body. */
  readonly groups?: Buffer;
  /** The connection is reset after so many bytes of the body. */
  readonly cutAfter?: number;
}

interface Route {
  readonly method: string;
  readonly path: RegExp;
  /** Query parameters that must have these values. */
  readonly where?: Readonly<Record<string, string>>;
  readonly operation: Operation;
}

const store = "^/logstores/(?<logstore>[^/]+)";
const routes: readonly Route[] = [
  { method: "GET", path: new RegExp(`${store}/shards$`), operation: "ListShards" },
  ...(
    [
      ["cursor", "GetCursor"],
      ["cursor_time", "GetCursorTime"],
      ["log", "PullLogs"],
    ] as const
  ).map(([type, operation]): Route => {
    return { method: "GET", path: new RegExp(`${store}/shards/(?<shard>\\d+)$`), where: { type }, operation };
  }),
  // Clients in Go write without naming shards at all.
  { method: "POST", path: new RegExp(`${store}(?:/shards/(?:lb|route))?$`), operation: "PutLogs" },
  ...(
    [
      ["split", "SplitShard"],
      ["merge", "MergeShards"],
    ] as const
  ).map(([action, operation]): Route => {
    return { method: "POST", path: new RegExp(`${store}/shards/(?<shard>\\d+)$`), where: { action }, operation };
  }),
  { method: "POST", path: new RegExp(`${store}/consumergroups$`), operation: "CreateConsumerGroup" },
  { method: "GET", path: new RegExp(`${store}/consumergroups$`), operation: "ListConsumerGroup" },
  ...(
    [
      ["heartbeat", "HeartBeat"],
      ["checkpoint", "UpdateCheckPoint"],
    ] as const
  ).map(([type, operation]): Route => {
    return { method: "POST", path: new RegExp(`${store}/consumergroups/(?<group>[^/]+)$`), where: { type }, operation };
  }),
  { method: "PUT", path: new RegExp(`${store}/consumergroups/(?<group>[^/]+)$`), operation: "UpdateConsumerGroup" },
  { method: "DELETE", path: new RegExp(`${store}/consumergroups/(?<group>[^/]+)$`), operation: "DeleteConsumerGroup" },
  { method: "GET", path: new RegExp(`${store}/consumergroups/(?<group>[^/]+)$`), operation: "GetCheckPoint" },
];

export interface Target {
  readonly operation: Operation;
  readonly logstore: string;
  readonly shard: number | undefined;
  readonly group: string | undefined;
}

/** @returns undefined for what the emulator does not know */
export function findOperation(method: string, path: string, query: ReadonlyMap<string, string>): Target | undefined {
  for (const route of routes) {
    if (route.method !== method) continue;
    const parts = route.path.exec(path)?.groups;
    if (!parts) continue;
    if (Object.entries(route.where ?? {}).some(([name, value]) => query.get(name) !== value)) continue;
    return {
      operation: route.operation,
      logstore: decodeURIComponent(parts["logstore"] ?? ""),
      shard: parts["shard"] === undefined ? undefined : Number(parts["shard"]),
      group: parts["group"] === undefined ? undefined : decodeURIComponent(parts["group"]),
    };
  }
  return undefined;
}
