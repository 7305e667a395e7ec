import type { ConnectionOptions } from "node:tls";
import type { Socket } from "node:net";

/**
 * The parts of kafkajs 2.2.4 that are used here. Connections, security, API versions, metadata and the group
 * protocol are the library's; records are written and read by our own code, and the loops around them are ours too,
 * because of what docs/decisions/kafka-client.md tells of its producer and its consumer runner. The version is
 * pinned: nobody releases another one.
 */

export interface KafkaJsError extends Error {
  readonly type?: string;
  readonly code?: number | string;
  readonly retriable?: boolean;
  readonly host?: string;
  readonly port?: number;
  readonly topic?: string;
  /** host:port, of an error of the connection. */
  readonly broker?: string;
  readonly cause?: unknown;
}

export interface PartitionMetadata {
  readonly partitionErrorCode: number;
  readonly partitionId: number;
  readonly leader: number;
}

export interface ApiVersionRange {
  readonly minVersion: number;
  readonly maxVersion: number;
}

export interface ProtocolRequest<T> {
  readonly request: {
    readonly apiKey: number;
    readonly apiVersion: number;
    readonly apiName: string;
    expectResponse?(): boolean;
    encode(): Promise<unknown>;
  };
  readonly response: {
    decode(bytes: Buffer): Promise<T>;
    parse(decoded: T): Promise<T>;
  };
  readonly requestTimeout?: number;
  readonly logResponseError?: boolean;
}

export interface GroupMember {
  readonly memberId: string;
  readonly memberMetadata: Buffer;
}

export interface OffsetTopics<P> {
  readonly topic: string;
  readonly partitions: readonly P[];
}

/** One socket; each broker has one for fetches and one for everything else. */
export interface KafkaJsConnection {
  readonly clientId: string;
  readonly requestTimeout: number;
  readonly socket: Socket;
  readonly requestQueue: {
    push(request: {
      entry: {
        apiKey: number;
        apiVersion: number;
        apiName: string;
        correlationId: number;
        resolve(answer: { payload: Buffer | null }): void;
        reject(error: Error): void;
      };
      expectResponse: boolean;
      requestTimeout: number | null;
      sendRequest(): void;
    }): void;
  };
  isAuthenticated(): boolean;
  authenticate(): Promise<void>;
  nextCorrelationId(): number;
}

export interface KafkaJsBroker {
  readonly nodeId: number;
  readonly versions: Readonly<Record<number, ApiVersionRange>> | null;
  readonly connectionPool: {
    readonly host: string;
    readonly port: number;
    send<T>(request: ProtocolRequest<T>): Promise<T>;
    getConnection(index?: number): Promise<KafkaJsConnection>;
  };
  isConnected(): boolean;
  disconnect(): Promise<void>;
  metadata(topics: readonly string[]): Promise<{
    readonly topicMetadata: readonly {
      readonly topic: string;
      readonly isInternal?: boolean;
      readonly partitionMetadata: readonly PartitionMetadata[];
    }[];
  }>;
  joinGroup(request: {
    groupId: string;
    sessionTimeout: number;
    rebalanceTimeout: number;
    memberId: string;
    groupProtocols: readonly { name: string; metadata: Buffer }[];
  }): Promise<{
    readonly generationId: number;
    readonly groupProtocol: string;
    readonly leaderId: string;
    readonly memberId: string;
    readonly members: readonly GroupMember[];
  }>;
  syncGroup(request: {
    groupId: string;
    generationId: number;
    memberId: string;
    groupAssignment: readonly { memberId: string; memberAssignment: Buffer }[];
  }): Promise<{ readonly memberAssignment: Buffer }>;
  heartbeat(request: { groupId: string; groupGenerationId: number; memberId: string }): Promise<unknown>;
  leaveGroup(request: { groupId: string; memberId: string }): Promise<unknown>;
  offsetCommit(request: {
    groupId: string;
    groupGenerationId: number;
    memberId: string;
    topics: readonly OffsetTopics<{ partition: number; offset: string }>[];
  }): Promise<unknown>;
  offsetFetch(request: {
    groupId: string;
    topics: readonly OffsetTopics<{ partition: number }>[];
  }): Promise<{ readonly responses: readonly OffsetTopics<{ partition: number; offset: string }>[] }>;
  listOffsets(request: {
    isolationLevel: number;
    topics: readonly OffsetTopics<{ partition: number; timestamp: number }>[];
  }): Promise<{
    readonly responses: readonly { topic: string; partitions: { partition: number; offset: string }[] }[];
  }>;
  initProducerId(request: { transactionTimeout: number; transactionalId?: string }): Promise<{
    readonly producerId: string;
    readonly producerEpoch: number;
  }>;
}

export interface KafkaJsCluster {
  readonly brokerPool: { readonly metadataExpireAt: number | null };
  /** What each refresh of the metadata asks for; all topics while there are none. */
  readonly targetTopics: Set<string>;
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  isConnected(): boolean;
  addMultipleTargetTopics(topics: readonly string[]): Promise<void>;
  refreshMetadata(): Promise<void>;
  refreshMetadataIfNecessary(): Promise<void>;
  removeBroker(address: { host: string; port: number }): void;
  findBroker(which: { nodeId: number }): Promise<KafkaJsBroker>;
  findControllerBroker(): Promise<KafkaJsBroker>;
  findTopicPartitionMetadata(topic: string): readonly PartitionMetadata[];
  findGroupCoordinator(which: { groupId: string }): Promise<KafkaJsBroker>;
  getNodeIds(): readonly string[];
}

export interface KafkaJsClusterOptions {
  readonly logger: KafkaJsLogger;
  readonly socketFactory: SocketFactory;
  readonly brokers: readonly string[];
  readonly ssl: ConnectionOptions | undefined;
  readonly sasl: unknown;
  readonly clientId: string;
  readonly connectionTimeout: number;
  readonly authenticationTimeout: number;
  readonly requestTimeout: number;
  readonly enforceRequestTimeout: boolean;
  readonly metadataMaxAge: number;
  readonly allowAutoTopicCreation: boolean;
  readonly maxInFlightRequests: null;
  readonly isolationLevel: number;
  readonly retry: { retries: number; initialRetryTime: number; maxRetryTime: number };
}

export type SocketFactory = (to: {
  host: string;
  port: number;
  ssl: ConnectionOptions | undefined;
  onConnect: () => void;
}) => Socket;

export interface KafkaJsLogger {
  namespace(name: string): KafkaJsLogger;
}

interface Assignments {
  readonly MemberMetadata: {
    encode(metadata: { version: number; topics: readonly string[]; userData: Buffer }): Buffer;
    decode(bytes: Buffer): { readonly version: number; readonly topics: readonly string[] };
  };
  readonly MemberAssignment: {
    encode(assignment: {
      version: number;
      assignment: Readonly<Record<string, readonly number[]>>;
      userData: Buffer;
    }): Buffer;
    decode(bytes: Buffer): { readonly assignment: Readonly<Record<string, readonly number[]>> } | null;
  };
}

interface RequestQueue {
  readonly pending: readonly unknown[];
  readonly throttledUntil: number;
  scheduleCheckPendingRequests(): void;
}

/** What has come of an answer is gathered in `chunks`. */
interface Receiver {
  bytesBuffered: number;
  readonly chunks: Buffer[];
  processData(data: Buffer): void;
}

export interface KafkaJsLibrary extends Assignments {
  readonly Cluster: new (options: KafkaJsClusterOptions) => KafkaJsCluster;
  /** Says nothing: what matters is told by the errors. */
  readonly silentLogger: KafkaJsLogger;
  errorOfCode(code: number): KafkaJsError;
  /** Bytes in the wrapping that the library wants of a request. */
  encoded(bytes: Buffer): unknown;
}

let library: KafkaJsLibrary | undefined;

/** Loaded when a Kafka node first starts: it takes 50 ms and 10 MB that flows without Kafka need not pay. */
export function kafkaJs(): KafkaJsLibrary {
  library ??= load();
  return library;
}

function load(): KafkaJsLibrary {
  const { version } = require("kafkajs/package.json") as { version: string };
  if (version !== "2.2.4") throw new Error(`kafkajs ${version} was found, but 2.2.4 is what this was made for`);
  const Cluster = require("kafkajs/src/cluster") as KafkaJsLibrary["Cluster"];
  const { createLogger, LEVELS } = require("kafkajs/src/loggers") as {
    createLogger(options: { level: number; logCreator: () => () => void }): KafkaJsLogger;
    LEVELS: { NOTHING: number };
  };
  const { createErrorFromCode } = require("kafkajs/src/protocol/error") as {
    createErrorFromCode(code: number): KafkaJsError;
  };
  const Encoder = require("kafkajs/src/protocol/encoder") as new (size?: number) => { buf: Buffer; offset: number };
  const { MemberMetadata, MemberAssignment } = require("kafkajs/src/consumer/assignerProtocol") as Assignments;
  const Queue = require("kafkajs/src/network/requestQueue") as { prototype: RequestQueue };
  const Connection = require("kafkajs/src/network/connection") as { prototype: Receiver };
  stopIdleTimers(Queue.prototype);
  dropEmptyChunks(Connection.prototype);
  return {
    Cluster,
    MemberMetadata,
    MemberAssignment,
    silentLogger: createLogger({ level: LEVELS.NOTHING, logCreator: () => () => undefined }),
    errorOfCode: createErrorFromCode,
    encoded(bytes) {
      const encoder = new Encoder(1);
      encoder.buf = bytes;
      encoder.offset = bytes.length;
      return encoder;
    },
  };
}

/**
 * A queue that has nothing to send and is not throttled needs no timer. The library sets one all the same, with a
 * negative delay, which Node turns into 1 ms: 3 % of a core for each connection, for ever (kafkajs issue 1751).
 */
function stopIdleTimers(queue: RequestQueue): void {
  const schedule = queue.scheduleCheckPendingRequests;
  queue.scheduleCheckPendingRequests = function (this: RequestQueue): void {
    if (this.pending.length > 0 || this.throttledUntil > Date.now()) schedule.call(this);
  };
}

/** Behind each answer the library keeps an empty rest, and joins the next answer to it: a copy of each fetch. */
function dropEmptyChunks(connection: Receiver): void {
  const process = connection.processData;
  connection.processData = function (this: Receiver, data: Buffer): void {
    if (this.bytesBuffered === 0) this.chunks.length = 0;
    process.call(this, data);
  };
}
