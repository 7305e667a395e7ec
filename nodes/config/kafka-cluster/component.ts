import type { ConfigComponent } from "../../../lib/engine/component.js";
import { boolean, choice, configNode, secret, text } from "../../../lib/engine/properties.js";
import { SASL_MECHANISMS } from "../../../lib/protocols/kafka/cluster-settings.js";

const USER: readonly string[] = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"];
const OAUTH: readonly string[] = ["OAUTHBEARER"];

const properties = {
  brokers: text("", { flumeKey: "kafka.bootstrap.servers", required: true, format: "addresses" }),
  clientId: text("headrace", { flumeKey: "client.id", required: true }),
  useTls: boolean(false),
  tls: configNode("tls-config", { shownWhen: { property: "useTls", is: [true] } }),
  mechanism: choice(SASL_MECHANISMS, "none", { flumeKey: "sasl.mechanism" }),
  username: text("", { required: true, shownWhen: { property: "mechanism", is: USER } }),
  password: secret({ shownWhen: { property: "mechanism", is: USER } }),
  token: secret({ shownWhen: { property: "mechanism", is: OAUTH } }),
  tokenUrl: text("", {
    flumeKey: "sasl.oauthbearer.token.endpoint.url",
    shownWhen: { property: "mechanism", is: OAUTH },
  }),
  oauthClientId: text("", { shownWhen: { property: "mechanism", is: OAUTH } }),
  oauthClientSecret: secret({ shownWhen: { property: "mechanism", is: OAUTH } }),
  oauthScope: text("", { advanced: true, shownWhen: { property: "mechanism", is: OAUTH } }),
};

export const component: ConfigComponent<typeof properties> = {
  type: "flume-kafka-cluster",
  role: "config",
  flumeType: "kafka",
  properties,
  icon: "flume-kafka-cluster.svg",
  outputs: 0,
  labelProperty: "brokers",
};
