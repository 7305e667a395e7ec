import { open } from "node:fs/promises";
import { withoutLogin } from "../../engine/addresses.js";
import { HeadraceError, reasonOf } from "../../engine/errors.js";
import { LONGEST_SECRET, secretFields, secretTextOf } from "../secret-text.js";
import type { Credentials } from "./credentials.js";

/** How long the server of credentials may take, in milliseconds. */
const TIMEOUT = 10_000;

/** The variables that Alibaba Cloud's own tools read. */
const ENVIRONMENT = {
  id: "ALIBABA_CLOUD_ACCESS_KEY_ID",
  secret: "ALIBABA_CLOUD_ACCESS_KEY_SECRET",
  token: "ALIBABA_CLOUD_SECURITY_TOKEN",
} as const;

/** Each of these rejects with FLUME_LOGHUB_CREDENTIALS. */
export type CredentialSource = () => Promise<Credentials>;

export function credentialsOfEnvironment(environment: NodeJS.ProcessEnv = process.env): CredentialSource {
  return async () => {
    const { [ENVIRONMENT.id]: id, [ENVIRONMENT.secret]: secret, [ENVIRONMENT.token]: token } = environment;
    const missing = id ? (secret ? undefined : ENVIRONMENT.secret) : ENVIRONMENT.id;
    if (missing) throw failure("the environment", `${missing} is not set`);
    return { accessKeyId: id as string, accessKeySecret: secret as string, securityToken: token || undefined };
  };
}

/** A file that somebody else writes anew before the token in it expires; JSON as the security token service gives it. */
export function credentialsOfFile(path: string): CredentialSource {
  return async () => {
    try {
      const file = await open(path);
      try {
        const { buffer, bytesRead } = await file.read(Buffer.alloc(LONGEST_SECRET), 0, LONGEST_SECRET, 0);
        return credentialsOf(buffer.toString("utf8", 0, bytesRead));
      } finally {
        await file.close();
      }
    } catch (error) {
      throw failure(path, reasonOf(error), error);
    }
  };
}

/**
 * An address that answers with credentials in JSON: that of an instance's RAM role,
 * http://100.100.100.200/latest/meta-data/ram/security-credentials/<role>. Where it ends with a slash, it is asked for the
 * name of the role first.
 */
export function credentialsOfAddress(address: string): CredentialSource {
  return async () => {
    try {
      const url = new URL(address);
      if (!url.pathname.endsWith("/")) return credentialsOf(await ask(url));
      const role = (await ask(url)).trim();
      if (!/^[\w.-]+$/.test(role)) throw new Error("the answer names no role");
      return credentialsOf(await ask(new URL(role, url)));
    } catch (error) {
      throw failure(withoutLogin(address), withoutLogin(reasonOf(error)), error);
    }
  };
}

async function ask(url: URL): Promise<string> {
  return await secretTextOf(await fetch(url, { redirect: "error", signal: AbortSignal.timeout(TIMEOUT) }));
}

/** `{"AccessKeyId", "AccessKeySecret", "SecurityToken", "Expiration"}`: the answer of AssumeRole and of an instance's metadata. */
function credentialsOf(text: string): Credentials {
  const answer = secretFields(text);
  const { Credentials: inner } = answer;
  const fields = (typeof inner === "object" && inner !== null ? inner : answer) as Record<string, unknown>;
  const field = (name: string) => {
    const value = fields[name];
    if (typeof value === "string" && value !== "") return value;
    throw new Error(`there is no ${name}`);
  };
  const expiresAt = Date.parse(String(fields["Expiration"] ?? ""));
  return {
    accessKeyId: field("AccessKeyId"),
    accessKeySecret: field("AccessKeySecret"),
    securityToken: fields["SecurityToken"] === undefined ? undefined : field("SecurityToken"),
    expiresAt: Number.isNaN(expiresAt) ? undefined : expiresAt,
  };
}

function failure(from: string, reason: string, cause?: unknown): HeadraceError {
  return new HeadraceError("FLUME_LOGHUB_CREDENTIALS", { from, reason }, cause);
}
