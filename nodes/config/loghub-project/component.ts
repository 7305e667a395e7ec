import type { ConfigComponent } from "../../../lib/engine/component.js";
import { choice, configNode, number, secret, text } from "../../../lib/engine/properties.js";
import { LOGHUB_COMPRESSIONS } from "../../../lib/protocols/loghub/compression-names.js";
import { CREDENTIAL_KINDS, SIGNATURES } from "../../../lib/protocols/loghub/project-choices.js";

const KEYS = { shownWhen: { property: "credentialSource", is: ["keys"] } };

const properties = {
  endpoint: text("", { flumeKey: "endpoint", required: true }),
  project: text("", { flumeKey: "project", required: true }),
  credentialSource: choice(CREDENTIAL_KINDS, "keys"),
  accessKeyId: secret({ flumeKey: "accessKeyId", ...KEYS }),
  accessKey: secret({ flumeKey: "accessKey", ...KEYS }),
  securityToken: secret(KEYS),
  credentialsFile: text("", { required: true, shownWhen: { property: "credentialSource", is: ["file"] } }),
  credentialsUrl: text("http://100.100.100.200/latest/meta-data/ram/security-credentials/", {
    required: true,
    shownWhen: { property: "credentialSource", is: ["address"] },
  }),
  tls: configNode("tls-config"),
  /** Empty: from the endpoint. */
  region: text("", { advanced: true }),
  signature: choice(SIGNATURES, "auto", { advanced: true }),
  compression: choice(LOGHUB_COMPRESSIONS, "lz4", { advanced: true }),
  timeout: number(30_000, { min: 100, max: 600_000, unit: "ms", advanced: true }),
};

/** A project of Log Service: where it is, and who to be there. */
export const component: ConfigComponent<typeof properties> = {
  type: "flume-loghub-project",
  role: "config",
  flumeType: "loghub",
  properties,
  icon: "flume-loghub-project.svg",
  outputs: 0,
  labelProperty: "project",
};
