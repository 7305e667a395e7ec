import type { ConnectionOptions } from "node:tls";
import { addressesIn, withoutLogin } from "../../engine/addresses.js";
import type { SharedSettings } from "../../engine/component.js";
import { HeadraceError, reasonOf } from "../../engine/errors.js";
import { secretFields, secretTextOf } from "../secret-text.js";
import type { KafkaConnection, SaslSettings } from "./port.js";

export const SASL_MECHANISMS = ["none", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"] as const;

/** What a kafka-cluster node holds, parsed. */
export interface KafkaClusterSettings {
  /** host:port, separated by commas. */
  readonly brokers: string;
  readonly clientId: string;
  readonly useTls: boolean;
  readonly mechanism: (typeof SASL_MECHANISMS)[number];
  readonly username: string;
  readonly password: string;
  /** OAUTHBEARER: a token, or where to get one with client id and secret (OAuth 2.0 client credentials, RFC 6749 §4.4). */
  readonly token: string;
  readonly tokenUrl: string;
  readonly oauthClientId: string;
  readonly oauthClientSecret: string;
  readonly oauthScope: string;
}

/** How to connect, from the kafka-cluster node that a component refers to. `clientId` beats the node's. */
export function kafkaConnection(
  shared: SharedSettings | undefined,
  more: { clientId?: string | undefined; verifyHostname?: boolean | undefined } = {},
): KafkaConnection {
  if (!shared) throw new HeadraceError("FLUME_CONFIG_REQUIRED", { field: "kafka.bootstrap.servers" });
  const settings = shared.config as unknown as KafkaClusterSettings;
  return {
    brokers: addressesIn(settings.brokers),
    clientId: more.clientId ?? settings.clientId,
    tls: settings.useTls ? tlsOptions(shared.shared["tls"], more.verifyHostname ?? true) : undefined,
    sasl: saslSettings(settings),
  };
}

/** A value of a pass-through property that cannot be. */
export function propertyValue(property: string, value: string, wanted: string): HeadraceError {
  return new HeadraceError("FLUME_KAFKA_PROPERTY_VALUE", { property, value, wanted });
}

function tlsOptions(tls: SharedSettings | undefined, verifyHostname: boolean): ConnectionOptions {
  return {
    minVersion: "TLSv1.2",
    ...(tls?.config as ConnectionOptions | undefined),
    ...(verifyHostname ? {} : { checkServerIdentity: () => undefined }),
  };
}

function saslSettings(settings: KafkaClusterSettings): SaslSettings | undefined {
  const { username, password } = settings;
  switch (settings.mechanism) {
    case "none":
      return undefined;
    case "PLAIN":
      return { mechanism: "plain", username, password };
    case "SCRAM-SHA-256":
      return { mechanism: "scram-sha-256", username, password };
    case "SCRAM-SHA-512":
      return { mechanism: "scram-sha-512", username, password };
    case "OAUTHBEARER":
      if (settings.token === "" && settings.tokenUrl === "") throw new HeadraceError("FLUME_KAFKA_TOKEN_MISSING");
      return {
        mechanism: "oauthbearer",
        token: () => (settings.token === "" ? requestToken(settings) : Promise.resolve(settings.token)),
      };
  }
}

/** How long the server of tokens may take, in milliseconds. */
const TOKEN_TIMEOUT = 10_000;

async function requestToken(settings: KafkaClusterSettings): Promise<string> {
  const { tokenUrl, oauthClientId, oauthClientSecret, oauthScope } = settings;
  try {
    const response = await fetch(tokenUrl, {
      method: "POST",
      redirect: "error",
      signal: AbortSignal.timeout(TOKEN_TIMEOUT),
      headers: {
        Authorization: `Basic ${Buffer.from(`${encodeURIComponent(oauthClientId)}:${encodeURIComponent(oauthClientSecret)}`).toString("base64")}`,
        "Content-Type": "application/x-www-form-urlencoded",
      },
      body: new URLSearchParams({ grant_type: "client_credentials", ...(oauthScope ? { scope: oauthScope } : {}) }),
    });
    const { access_token: token } = secretFields(await secretTextOf(response));
    if (typeof token !== "string" || token === "") throw new Error("the answer holds no access_token");
    return token;
  } catch (error) {
    // `fetch failed` tells nothing: what happened stands behind it.
    const { cause = error } = error as { cause?: unknown };
    const parameters = { url: withoutLogin(tokenUrl), reason: withoutLogin(reasonOf(cause)) };
    throw new HeadraceError("FLUME_KAFKA_TOKEN_UNAVAILABLE", parameters, error);
  }
}
