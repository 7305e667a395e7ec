import { open } from "node:fs/promises";
import { HeadraceError, reasonOf } from "../../engine/errors.js";
import type { Credentials } from "./credentials.js";

/** Of a file or an answer with credentials, in bytes. */
const LONGEST = 64 * 1024;
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
        const { buffer, bytesRead } = await file.read(Buffer.alloc(LONGEST), 0, LONGEST, 0);
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
      throw failure(address, reasonOf(error), error);
    }
  };
}

async function ask(url: URL): Promise<string> {
  const response = await fetch(url, { redirect: "error", signal: AbortSignal.timeout(TIMEOUT) });
  if (!response.ok) {
    await response.body?.cancel();
    throw new Error(`status ${response.status}`);
  }
  const chunks: Uint8Array[] = [];
  let size = 0;
  // Leaving the loop ends the connection.
  for await (const chunk of response.body ?? []) {
    size += (chunk as Uint8Array).length;
    if (size > LONGEST) throw new Error("the answer is too long");
    chunks.push(chunk as Uint8Array);
  }
  return Buffer.concat(chunks).toString();
}

/** `{"AccessKeyId", "AccessKeySecret", "SecurityToken", "Expiration"}`: the answer of AssumeRole and of an instance's metadata. */
function credentialsOf(text: string): Credentials {
  const fields = jsonFields(text);
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

/** Its own error: that of JSON.parse quotes the text, which is secret. */
function jsonFields(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null) {
      const { Credentials: inner } = value as { Credentials?: unknown };
      return (typeof inner === "object" && inner !== null ? inner : value) as Record<string, unknown>;
    }
  } catch {
    // Said below.
  }
  throw new Error("it is no JSON object");
}

function failure(from: string, reason: string, cause?: unknown): HeadraceError {
  return new HeadraceError("FLUME_LOGHUB_CREDENTIALS", { from, reason }, cause);
}
