import type { Logger, SharedSettings } from "../../engine/component.js";
import { HeadraceError } from "../../engine/errors.js";
import { checkCompression } from "./compression.js";
import type { LogHubCompression } from "./compression-names.js";
import { type CredentialsProvider, fixedCredentials, RenewableCredentials } from "./credentials.js";
import { credentialsOfAddress, credentialsOfEnvironment, credentialsOfFile } from "./credential-sources.js";
import { type Endpoint, endpointOf, setting } from "./endpoint.js";
import type { LogStoreSettings } from "./log-store.js";
import type { CREDENTIAL_KINDS, SIGNATURES } from "./project-choices.js";
import type { Signing } from "./signed-request.js";

/** What a loghub-project node holds, parsed. */
interface ProjectSettings {
  readonly endpoint: string;
  readonly project: string;
  readonly region: string;
  readonly signature: (typeof SIGNATURES)[number];
  readonly credentialSource: (typeof CREDENTIAL_KINDS)[number];
  readonly accessKeyId: string;
  readonly accessKey: string;
  readonly securityToken: string;
  readonly credentialsFile: string;
  readonly credentialsUrl: string;
  readonly compression: LogHubCompression;
  /** Milliseconds. */
  readonly timeout: number;
}

/** The most that a reply may hold: several times what the service sends, in bytes. */
const MOST_REPLY = 64 * 1024 * 1024;
const USER_AGENT = "headrace";

/**
 * How to reach a logstore of the loghub-project node that a component refers to. Throws FLUME_CONFIG_REQUIRED,
 * FLUME_LOGHUB_KEY_MISSING, FLUME_LOGHUB_SETTING or FLUME_LOGHUB_CODEC_MISSING.
 */
export function logStoreSettings(
  shared: SharedSettings | undefined,
  { logstore, log }: { readonly logstore: string; readonly log: Pick<Logger, "warn"> },
): LogStoreSettings {
  if (!shared) throw new HeadraceError("FLUME_CONFIG_REQUIRED", { field: "project" });
  const settings = shared.config as unknown as ProjectSettings;
  const { project, compression } = settings;
  // By Log Service's rules, 2 to 63 of these.
  if (!/^[\w-]{1,128}$/.test(logstore)) throw setting("logstore", logstore, "letters, digits, hyphens and underscores");
  const endpoint = endpointOf(settings.endpoint, project);
  checkCompression(compression);
  return {
    endpoint,
    project,
    logstore,
    compression,
    signing: signingOf(settings, endpoint),
    credentials: credentialsOf(settings),
    timeout: settings.timeout,
    mostReplyBytes: MOST_REPLY,
    tls: shared.shared["tls"]?.config,
    userAgent: USER_AGENT,
    onClockSet: (ahead) => {
      const error = new HeadraceError("FLUME_LOGHUB_CLOCK_SET", { seconds: Math.round(Math.abs(ahead) / 1000) });
      log.warn(`${error.message} ${error.next} [${error.code}]`);
    },
  };
}

/** Version 4 where the region is known: it signs with SHA-256, and a key that is good for one day and one region. */
function signingOf({ signature, region: given }: ProjectSettings, endpoint: Endpoint): Signing {
  const region = given === "" ? endpoint.region : given;
  if (signature === "V1" || (signature === "auto" && region === undefined)) return { version: 1 };
  if (region === undefined || !/^[a-z0-9-]+$/.test(region)) {
    throw setting("region", given, "the region of the endpoint, such as cn-hangzhou, for signature V4");
  }
  return { version: 4, region };
}

/** Said by the component that refers to the node. */
function missing(field: string): HeadraceError {
  return new HeadraceError("FLUME_LOGHUB_KEY_MISSING", { field });
}

function credentialsOf(settings: ProjectSettings): CredentialsProvider {
  const { accessKeyId, accessKey, securityToken, credentialsFile, credentialsUrl } = settings;
  switch (settings.credentialSource) {
    case "keys":
      if (accessKeyId.trim() === "") throw missing("accessKeyId");
      if (accessKey.trim() === "") throw missing("accessKey");
      return fixedCredentials({
        accessKeyId: accessKeyId.trim(),
        accessKeySecret: accessKey.trim(),
        securityToken: securityToken.trim() || undefined,
      });
    case "file":
      return new RenewableCredentials(credentialsOfFile(credentialsFile));
    case "environment":
      return new RenewableCredentials(credentialsOfEnvironment());
    case "address":
      if (!/^https?:\/\//i.test(credentialsUrl)) throw setting("credentialsUrl", credentialsUrl, "an http(s) address");
      return new RenewableCredentials(credentialsOfAddress(credentialsUrl));
  }
}
