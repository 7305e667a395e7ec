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

/** Kafka's numbers for whether records of open and aborted transactions are seen. */
export const READ_UNCOMMITTED = 0;
export const READ_COMMITTED = 1;

/** A client of its own for each producer and consumer, as Java has it: they share no connections. */
export function openCluster(
  connection: KafkaConnection,
  settings: { requestTimeout: number; metadataMaxAge: number; readCommitted?: boolean; createTopics: boolean },
): KafkaJsCluster {
  const { Cluster, silentLogger } = kafkaJs();
  return new Cluster({
    logger: silentLogger,
    socketFactory,
    brokers: connection.brokers,
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

/** Requests are written whole, so that waiting for more of them only delays each one. */
const socketFactory: SocketFactory = ({ host, port, ssl, onConnect }) => {
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
