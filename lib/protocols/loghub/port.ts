/**
 * What the nodes need of Alibaba Cloud Log Service, and no more. One object is one logstore of one project.
 * Every call rejects with a HeadraceError with a FLUME_LOGHUB_… code; aborting the signal rejects with its reason.
 * Callers tell these apart, whatever call they come from; their parameters are `what` (the operation), `code` (the
 * service's own), `status` (HTTP), `request` (its id) and `reason` (the service's text):
 * - FLUME_LOGHUB_KEY: 401 InvalidAccessKeyId, SignatureNotMatch, SecurityTokenExpired
 * - FLUME_LOGHUB_UNAUTHORIZED: every other 401: a right that is missing, or keys that the service says no more of
 * - FLUME_LOGHUB_QUOTA: 403 …QuotaExceed
 * - FLUME_LOGHUB_CLOCK: 400 RequestTimeTooSkewed, RequestTimeExpired, after one correction by the service's Date
 * - FLUME_LOGHUB_MISSING: 404 ProjectNotExist, LogStoreNotExist
 * - FLUME_LOGHUB_GROUP_MISSING: ConsumerGroupNotExist
 * - FLUME_LOGHUB_GROUP_EXISTS: ConsumerGroupAlreadyExist
 * - FLUME_LOGHUB_CONSUMER_UNKNOWN: NotExistConsumerWithBody: the service has forgotten this consumer
 * - FLUME_LOGHUB_SHARD_LOST: ConsumerNotExist, ConsumerNotMatch, ShardNotExist
 * - FLUME_LOGHUB_CURSOR_INVALID: InvalidCursor
 * - FLUME_LOGHUB_REPLY_BROKEN: a reply that is not what it says (compression, length, count, protobuf)
 * - FLUME_LOGHUB_UNREACHABLE: no reply: connection, time limit
 * - FLUME_LOGHUB_REFUSED: every other error of the service
 */
export interface LogStore {
  shards(signal: AbortSignal): Promise<readonly ShardInfo[]>;

  /** The cursor of the oldest kept group, of the next to be written, or of the first received at or after a time (seconds since 1970). */
  cursor(shard: number, from: "begin" | "end" | number, signal: AbortSignal): Promise<Cursor>;
  /** When the group at the cursor was received, in seconds since 1970. */
  cursorTime(shard: number, cursor: Cursor, signal: AbortSignal): Promise<number>;
  pull(request: PullRequest, signal: AbortSignal): Promise<PulledGroups>;

  /** `hashKey`: 32 hexadecimal digits that choose the shard by its key range; absent: any shard. */
  put(group: EncodedLogGroup, hashKey: string | undefined, signal: AbortSignal): Promise<void>;

  consumerGroups(signal: AbortSignal): Promise<readonly ConsumerGroupInfo[]>;
  createConsumerGroup(group: ConsumerGroupInfo, signal: AbortSignal): Promise<void>;
  updateConsumerGroup(group: ConsumerGroupInfo, signal: AbortSignal): Promise<void>;
  /** Tells which shards this consumer still works on; resolves with those the service wants it to hold. */
  heartbeat(member: Member, shards: readonly number[], signal: AbortSignal): Promise<readonly number[]>;
  /** The cursor saved last; undefined when none ever was. */
  checkpoint(group: string, shard: number, signal: AbortSignal): Promise<Cursor | undefined>;
  /** Fenced: the service refuses it from a consumer that does not hold the shard (FLUME_LOGHUB_SHARD_LOST). */
  saveCheckpoint(member: Member, shard: number, cursor: Cursor, signal: AbortSignal): Promise<void>;

  /** Lets go of the connections. Calls under way reject. */
  close(): void;
}

/** Opaque: what the service calls a place in a shard. */
export type Cursor = string;

export interface ShardInfo {
  readonly shard: number;
  readonly writable: boolean;
  /** 32 hexadecimal digits each: the range of hash keys, the end not included. */
  readonly beginKey: string;
  readonly endKey: string;
}

export interface Member {
  readonly group: string;
  readonly consumer: string;
}

export interface ConsumerGroupInfo {
  readonly name: string;
  /** Seconds without a heartbeat after which the service gives a consumer's shards to others. */
  readonly timeout: number;
  /** A shard made by a split or a merge waits until its parents have been read to their end. */
  readonly inOrder: boolean;
}

export interface PullRequest {
  readonly shard: number;
  readonly cursor: Cursor;
  /** Most LogGroups of the reply, 1 to 1000. */
  readonly count: number;
  /** SPL text or the name of a consume processor: the service filters before it replies. */
  readonly filter?: { readonly query: string } | { readonly processor: string } | undefined;
}

export interface PulledGroups {
  /** The LogGroupList, uncompressed and checked for its length; read by `log-groups.ts`. Empty when there is nothing new. */
  readonly groups: Buffer;
  readonly groupCount: number;
  /** Where the next pull starts; the cursor asked with when the service named none. */
  readonly next: Cursor;
  /** Undefined where the service does not say. */
  readonly atEnd: boolean | undefined;
  /** Groups and bytes before the service's filter; without a filter the same as in `groups`. */
  readonly rawCount: number;
  readonly rawBytes: number;
  /** When the last group of the reply was received, in seconds since 1970, where the service says. */
  readonly receivedAt: number | undefined;
  /** When nobody looks at `groups` any more: its memory serves another reply. Further calls do nothing. */
  release(): void;
}

/** A LogGroup in its wire form, uncompressed. */
export interface EncodedLogGroup {
  readonly bytes: Buffer;
  readonly logs: number;
}
