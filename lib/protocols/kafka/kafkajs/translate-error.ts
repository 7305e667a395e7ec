import { DeliveryError, HeadraceError, isHeadraceError, reasonOf } from "../../../engine/errors.js";
import type { KafkaConnection } from "../port.js";
import type { KafkaJsError } from "./library.js";

/** Broker's answers that another attempt may change: the leader moves, copies come back, load passes. */
const PASSING = new Set([
  "CORRUPT_MESSAGE",
  "UNKNOWN_TOPIC_OR_PARTITION",
  "LEADER_NOT_AVAILABLE",
  "NOT_LEADER_FOR_PARTITION",
  "REQUEST_TIMED_OUT",
  "REPLICA_NOT_AVAILABLE",
  "NETWORK_EXCEPTION",
  "NOT_ENOUGH_REPLICAS",
  "NOT_ENOUGH_REPLICAS_AFTER_APPEND",
  "KAFKA_STORAGE_ERROR",
  "FENCED_LEADER_EPOCH",
  "UNKNOWN_LEADER_EPOCH",
  "OFFSET_NOT_AVAILABLE",
  "GROUP_LOAD_IN_PROGRESS",
  "GROUP_COORDINATOR_NOT_AVAILABLE",
  "NOT_COORDINATOR_FOR_GROUP",
  "REBALANCE_IN_PROGRESS",
  "COORDINATOR_LOAD_IN_PROGRESS",
  "COORDINATOR_NOT_AVAILABLE",
  "NOT_COORDINATOR",
]);

/** After these the records may be in the log all the same. */
const UNCLEAR = new Set(["REQUEST_TIMED_OUT", "NOT_ENOUGH_REPLICAS_AFTER_APPEND", "NETWORK_EXCEPTION"]);

export function asKafkaJsError(error: unknown): KafkaJsError {
  return error instanceof Error ? error : new Error(reasonOf(error));
}

/** The error behind the library's retries, which tells what happened. */
function innermost(error: KafkaJsError): KafkaJsError {
  const { cause } = error;
  return cause instanceof Error && cause !== error ? innermost(cause) : error;
}

/** Whether the same request may succeed later; else it fails for good. */
export function isPassing(error: unknown): boolean {
  const inner = innermost(asKafkaJsError(error));
  // One of ours waits for a person, except where a server of tokens may be back soon.
  if (isHeadraceError(inner)) return inner.code === "FLUME_KAFKA_TOKEN_UNAVAILABLE";
  const { type, name } = inner;
  if (type !== undefined) return PASSING.has(type);
  return name.startsWith("KafkaJS") ? !/SASL|ServerDoesNotSupport|Invariant/.test(name) : true;
}

/** Whether what was sent may have been taken although the sender was told otherwise, or nothing. */
export function isUnclear(error: unknown): boolean {
  const { type } = innermost(asKafkaJsError(error));
  return type === undefined || UNCLEAR.has(type);
}

/** What a person should know, whatever the library said. `what` is a topic or group in the words of the message. */
export function translateError(error: unknown, connection: KafkaConnection, what: string): HeadraceError {
  if (isHeadraceError(error)) return error;
  const inner = innermost(asKafkaJsError(error));
  if (isHeadraceError(inner)) return inner;
  // Behind it stands a full stop of ours.
  const reason = inner.message.replace(/\.+$/, "");
  const brokers = connection.brokers.join(", ");
  switch (inner.type) {
    case "TOPIC_AUTHORIZATION_FAILED":
    case "GROUP_AUTHORIZATION_FAILED":
    case "CLUSTER_AUTHORIZATION_FAILED":
      return new HeadraceError("FLUME_KAFKA_NOT_ALLOWED", { what, reason }, error);
    case "UNKNOWN_TOPIC_OR_PARTITION":
      return new HeadraceError("FLUME_KAFKA_TOPIC_UNKNOWN", { topic: what, reason }, error);
    case "INVALID_TOPIC_EXCEPTION":
      return new HeadraceError("FLUME_KAFKA_TOPIC_INVALID", { topic: what }, error);
    case "INCONSISTENT_GROUP_PROTOCOL":
      return new HeadraceError("FLUME_KAFKA_GROUP_MIXED", { group: what, reason }, error);
    case "SASL_AUTHENTICATION_FAILED":
    case "UNSUPPORTED_SASL_MECHANISM":
      return authenticationFailed(brokers, reason, error);
    case "ILLEGAL_SASL_STATE":
      return new HeadraceError("FLUME_KAFKA_NO_SASL", { brokers, reason }, error);
    default:
  }
  if (/SASL/.test(inner.name)) return authenticationFailed(brokers, reason, error);
  if (isTlsTrouble(inner)) return new HeadraceError("FLUME_KAFKA_TLS", { brokers, reason }, error);
  const address = addressIn(inner);
  if (address !== undefined && !connection.brokers.includes(address)) {
    return new HeadraceError("FLUME_KAFKA_ADVERTISED", { brokers, address, reason }, error);
  }
  if (/Connection|Timeout|BrokerNotFound|NoBroker/.test(inner.name)) {
    // A broker that wants TLS or SASL hangs up on whoever comes without.
    return new HeadraceError("FLUME_KAFKA_UNREACHABLE", { brokers, reason }, error);
  }
  return new HeadraceError("FLUME_KAFKA_REFUSED", { what, reason }, error);
}

/** Of the broker that did not answer, as it stands in the settings if it does. */
function addressIn({ broker, host, port }: KafkaJsError): string | undefined {
  const address = broker ?? (host !== undefined && port !== undefined ? `${host}:${port}` : undefined);
  return address?.replaceAll(";", ":");
}

function authenticationFailed(brokers: string, reason: string, cause: unknown): HeadraceError {
  return new HeadraceError("FLUME_KAFKA_AUTHENTICATION", { brokers, reason }, cause);
}

function isTlsTrouble({ code, message }: KafkaJsError): boolean {
  return (
    (typeof code === "string" && /^(ERR_SSL|ERR_TLS|EPROTO|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|CERT_)/.test(code)) ||
    /certificate|SSL routines|wrong version number|secure TLS/i.test(message)
  );
}

/** A put that has failed for good, or has been tried for as long as it may. */
export function produceError(error: unknown, connection: KafkaConnection, topic: string): DeliveryError {
  const { code, parameters } = translateError(error, connection, topic);
  return new DeliveryError(code, { outcome: isUnclear(error) ? "unknown" : "none", parameters, cause: error });
}
