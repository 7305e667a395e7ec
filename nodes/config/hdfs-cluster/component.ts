import type { ConfigComponent } from "../../../lib/engine/component.js";
import { choice, configNode, secret, text } from "../../../lib/engine/properties.js";

const byKerberos = { property: "authentication", is: ["kerberos"] } as const;

const properties = {
  urls: text("", { required: true }),
  authentication: choice(["simple", "token", "kerberos"], "simple"),
  user: text("", { shownWhen: { property: "authentication", is: ["simple"] } }),
  delegationToken: secret({ shownWhen: { property: "authentication", is: ["token"] } }),
  kerberosPrincipal: text("", { flumeKey: "hdfs.kerberosPrincipal", shownWhen: byKerberos }),
  kerberosKeytab: text("", { flumeKey: "hdfs.kerberosKeytab", shownWhen: byKerberos }),
  tls: configNode("tls-config"),
};

/** Where an HDFS is, and who to be there. */
export const component: ConfigComponent<typeof properties> = {
  type: "flume-hdfs-cluster",
  role: "config",
  flumeType: "hdfs-cluster",
  properties,
  icon: "flume-hdfs-cluster.svg",
  outputs: 0,
  labelProperty: "urls",
};
