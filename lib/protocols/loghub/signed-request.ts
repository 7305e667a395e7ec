import type { Credentials } from "./credentials.js";
import { contentMd5, signatureV1 } from "./signature-v1.js";
import { encode, sha256, signatureV4 } from "./signature-v4.js";

/** A request as both signatures see it. */
export interface Unsigned {
  readonly method: string;
  /** As it is sent, percent-encoded. */
  readonly path: string;
  /** Not encoded. */
  readonly query: Readonly<Record<string, string>>;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
}

/** How to sign: version 4 needs to know the region. */
export type Signing = { readonly version: 1 } | { readonly version: 4; readonly region: string };

export interface PlainRequest {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** All headers of a request, its signature included. `time`: milliseconds since 1970, by the service's clock. */
export function signedHeaders(
  request: PlainRequest,
  host: string,
  signing: Signing,
  { accessKeyId, accessKeySecret, securityToken }: Credentials,
  time: number,
): Record<string, string> {
  const { body } = request;
  const now = new Date(time);
  const headers: Record<string, string> = {
    host,
    "x-log-apiversion": "0.6.0",
    "x-log-bodyrawsize": String(body.length),
    ...request.headers,
    ...(body.length > 0 || request.method !== "GET" ? { "content-length": String(body.length) } : {}),
    ...(securityToken ? { "x-acs-security-token": securityToken } : {}),
  };
  if (signing.version === 1) {
    headers["x-log-signaturemethod"] = "hmac-sha1";
    headers["date"] = now.toUTCString();
    if (body.length > 0) headers["content-md5"] = contentMd5(body);
    headers["authorization"] = signatureV1({ ...request, headers }, accessKeyId, accessKeySecret);
  } else {
    headers["x-log-date"] = now.toISOString().replace(/\.\d+|[-:]/g, "");
    headers["x-log-content-sha256"] = sha256(body);
    headers["authorization"] = signatureV4({ ...request, headers }, accessKeyId, accessKeySecret, signing.region);
  }
  return headers;
}

/** The target of a request line. */
export function target({ path, query }: PlainRequest): string {
  const parameters = Object.entries(query).map(([name, value]) => `${encode(name)}=${encode(value)}`);
  return parameters.length === 0 ? path : `${path}?${parameters.join("&")}`;
}
