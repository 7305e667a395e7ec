import net from "node:net";
import tls from "node:tls";
import type { KafkaConnection, SaslSettings } from "../port.js";
import { kafkaJs, type KafkaJsCluster, type PartitionMetadata, type SocketFactory } from "./library.js";
import { oauthBearer } from "./oauth-bearer.js";
import { WholeAnswers } from "./whole-answers.js";

/** How long a connection may take to be made, and credentials to be checked, in milliseconds. */
const CONNECT_TIMEOUT = 5_000;
const AUTHENTICATION_TIMEOUT = 10_000;
const KEEP_ALIVE = 60_000;
/** How long it may take until some broker has answered and let us in, in milliseconds. */
const CONNECT_WITHIN = 10_000;

/** Kafka's numbers for whether records of open and aborted transactions are seen. */
export const READ_UNCOMMITTED = 0;
export const READ_COMMITTED = 1;

/**
 * A client of its own for each producer and consumer, as Java has it: they share no connections. Brokers are asked in
 * the order of the settings, from the one at `first` on.
 */
export function openCluster(
  connection: KafkaConnection,
  settings: { requestTimeout: number; metadataMaxAge: number; readCommitted?: boolean; createTopics: boolean },
  first = 0,
): KafkaJsCluster {
  const { Cluster, silentLogger } = kafkaJs();
  return new Cluster({
    logger: silentLogger,
    socketFactory,
    brokers: rotated(connection.brokers, first).map(seedName),
    ssl: connection.tls,
    sasl: connection.sasl && saslOptions(connection.sasl),
    clientId: connection.clientId,
    connectionTimeout: CONNECT_TIMEOUT,
    authenticationTimeout: AUTHENTICATION_TIMEOUT,
    requestTimeout: settings.requestTimeout,
    enforceRequestTimeout: true,
    metadataMaxAge: settings.metadataMaxAge,
    allowAutoTopicCreation: settings.createTopics,
    maxInFlightRequests: null,
    isolationLevel: settings.readCommitted ? READ_COMMITTED : READ_UNCOMMITTED,
    // Few and short: whoever asks tries again, tells the user meanwhile, and can be stopped.
    retry: { retries: Math.max(2, connection.brokers.length), initialRetryTime: 100, maxRetryTime: 1_000 },
  });
}

/**
 * Rejects in time where a broker accepts the connection and says nothing more: the library waits for its first answer
 * as long as for any other, and then asks the same one again.
 */
export async function connectInTime(cluster: KafkaJsCluster): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const silence = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new SilentBroker()), CONNECT_WITHIN);
  });
  try {
    await Promise.race([cluster.connect(), silence]);
  } finally {
    clearTimeout(timer);
  }
}

/** Another broker may be one that answers. */
export class SilentBroker extends Error {
  override readonly name = "ConnectionTimeout";

  constructor() {
    super(`no answer within ${CONNECT_WITHIN / 1_000} s`);
  }
}

/** The same items in their order, but from another one on. */
export function rotated<T>(items: readonly T[], turn: number): T[] {
  const first = turn % items.length;
  return [...items.slice(first), ...items.slice(0, first)];
}

/** The library takes what stands before the first colon for the host, which `[::1]:9092` is not made for. */
function seedName(broker: string): string {
  return broker.startsWith("[") ? broker.replace(/:(?=.*\])/g, ";") : broker;
}

function addressOf(name: string): string {
  return name.startsWith("[") ? name.slice(1, -1).replaceAll(";", ":") : name;
}

/** Requests are written whole, so that waiting for more of them only delays each one. */
const socketFactory: SocketFactory = ({ host: name, port, ssl, onConnect }) => {
  const host = addressOf(name);
  // The library takes a piece of any length, so also one that is just an answer.
  const { onread } = new WholeAnswers((answer) => socket.emit("data", answer));
  const to = { host, port, onread };
  const socket = ssl
    ? tls.connect({ ...to, ...(net.isIP(host) ? {} : { servername: host }), ...ssl }, onConnect)
    : net.connect(to, onConnect);
  socket.setKeepAlive(true, KEEP_ALIVE);
  socket.setNoDelay(true);
  return socket;
};

function saslOptions(sasl: SaslSettings): unknown {
  if (sasl.mechanism !== "oauthbearer") return { ...sasl };
  return { mechanism: "oauthbearer", authenticationProvider: oauthBearer(() => sasl.token()) };
}

/** What is known of a topic now; nothing while no broker has answered yet, which the library throws for. */
export function knownPartitions(cluster: KafkaJsCluster, topic: string): readonly PartitionMetadata[] {
  try {
    return cluster.findTopicPartitionMetadata(topic);
  } catch {
    return [];
  }
}

export function leaderOf(cluster: KafkaJsCluster, topic: string, partition: number): number | undefined {
  return knownPartitions(cluster, topic).find(({ partitionId }) => partitionId === partition)?.leader;
}
