import { createHash } from "node:crypto";
import { ServiceError } from "./service-error.js";
import { equalTexts, signatureV1, signatureV4, type SignedRequest } from "./signatures.js";

/** A pair of keys, or temporary ones with a token. May be changed while the service runs. */
export interface AccessKey {
  readonly id: string;
  readonly secret: string;
  /** Of temporary keys (STS). */
  readonly token?: string;
  /** Milliseconds since 1970. */
  tokenExpiresAt?: number;
  /** Rights that it lacks: "ConsumerGroupHeartBeat". */
  readonly denied: Set<string>;
}

export interface CheckSettings {
  /** Undefined when signatures are not looked at. */
  readonly keys: ReadonlyMap<string, AccessKey> | undefined;
  /** What a signature of version 4 must name. */
  readonly region: string;
}

export interface ReceivedRequest extends SignedRequest {
  readonly body: Buffer;
}

const CLOCK_TOLERANCE = 15 * 60_000;

const bad = (code: string, message: string): ServiceError => new ServiceError(400, code, message);
const refused = (code: string, message: string): ServiceError => new ServiceError(401, code, message);

/**
 * The checks that come before any operation, with the documented errors.
 * @param now milliseconds since 1970
 * @returns whose request it is
 */
export function checkRequest(request: ReceivedRequest, now: number, settings: CheckSettings): AccessKey | undefined {
  const { headers, body } = request;
  if (!headers["host"]) throw bad("MissingHost", "The Host header is missing");
  const version = headers["x-log-apiversion"];
  if (version === undefined) throw bad("MissingAPIVersion", "x-log-apiversion is missing");
  if (version !== "0.6.0") throw bad("InvalidAPIVersion", `x-log-apiversion is ${version}`);
  if (body.length > 0 && headers["content-type"] === undefined) {
    throw bad("MissingContentType", "The request has a body, but no Content-Type");
  }
  const authorization = headers["authorization"];
  if (authorization === undefined) throw bad("MissAccessKeyId", "The Authorization header is missing");
  checkMd5(headers["content-md5"], body);
  const signed = authorization.startsWith("SLS4-HMAC-SHA256 ")
    ? readV4(authorization, request, settings.region)
    : readV1(authorization, request);
  const skew = Math.abs(now - signed.time);
  if (skew > CLOCK_TOLERANCE) {
    throw bad("RequestTimeTooSkewed", `The request's time differs by ${Math.round(skew / 1_000)} s from the server's`);
  }
  if (!settings.keys) return undefined;
  const key = settings.keys.get(signed.id);
  if (!key) throw refused("InvalidAccessKeyId", `The access key id ${signed.id} does not exist`);
  if (!equalTexts(signed.signature, signed.expected(key.secret))) {
    throw refused("SignatureNotMatch", "The signature does not match the one that the server calculated");
  }
  checkToken(key, headers["x-acs-security-token"], now);
  return key;
}

/** Inferred: the code of a body that was changed on its way. */
function checkMd5(md5: string | undefined, body: Buffer): void {
  if (md5 === undefined) return;
  if (md5 !== createHash("md5").update(body).digest("hex").toUpperCase()) {
    throw bad("InvalidContentMD5", "Content-MD5 is not the one of the body in capital hexadecimal digits");
  }
}

function checkToken(key: AccessKey, token: string | undefined, now: number): void {
  if (key.token !== token) throw refused("Unauthorized", "The security token is missing, wrong or not wanted");
  if (key.tokenExpiresAt !== undefined && now >= key.tokenExpiresAt) {
    throw refused("SecurityTokenExpired", "The security token has expired");
  }
}

interface ReadSignature {
  readonly id: string;
  readonly signature: string;
  readonly time: number;
  expected(secret: string): string;
}

function readV1(authorization: string, request: ReceivedRequest): ReadSignature {
  const { headers } = request;
  const parts = /^LOG ([^:]+):(.+)$/.exec(authorization);
  if (!parts) throw bad("MissAccessKeyId", "Authorization is not LOG <access key id>:<signature>");
  const method = headers["x-log-signaturemethod"];
  if (method === undefined) throw bad("MissingSignatureMethod", "x-log-signaturemethod is missing");
  if (method !== "hmac-sha1" && method !== "hmac-sha256") {
    throw bad("InvalidSignatureMethod", `x-log-signaturemethod is ${method}`);
  }
  const [, id = "", signature = ""] = parts;
  return {
    id,
    signature,
    time: timeOf(headers["x-log-date"] ?? headers["date"]),
    expected: (secret) => signatureV1(request, secret, method === "hmac-sha1" ? "sha1" : "sha256"),
  };
}

function readV4(authorization: string, request: ReceivedRequest, region: string): ReadSignature {
  const { headers, body } = request;
  const parts =
    /^SLS4-HMAC-SHA256 Credential=([^/,]+)\/(\d{8})\/([^/]+)\/sls\/aliyun_v4_request,\s?Signature=([0-9a-f]{64})$/.exec(
      authorization,
    );
  if (!parts) throw bad("MissAccessKeyId", "Authorization is not SLS4-HMAC-SHA256 Credential=…,Signature=…");
  const [, id = "", day = "", named = "", signature = ""] = parts;
  const date = headers["x-log-date"];
  const time = timeOf(date);
  const hash = headers["x-log-content-sha256"];
  if (hash !== createHash("sha256").update(body).digest("hex")) {
    throw refused("SignatureNotMatch", "x-log-content-sha256 is not the hash of the body");
  }
  if (named !== region)
    throw refused("SignatureNotMatch", `The signature names the region ${named}, this is ${region}`);
  if (date === undefined || !date.startsWith(day)) throw refused("SignatureNotMatch", "Scope and x-log-date differ");
  return { id, signature, time, expected: (secret) => signatureV4(request, secret, date, region) };
}

const RFC_1123 = /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d{1,2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/;
const ISO_BASIC = /^(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})Z$/;

function timeOf(date: string | undefined): number {
  if (date === undefined) throw bad("MissingDate", "The Date header is missing, and x-log-date too");
  // Only these two forms: Date.parse would understand others.
  const iso = ISO_BASIC.test(date) ? date.replace(ISO_BASIC, "$1-$2-$3T$4:$5:$6Z") : "";
  const time = Date.parse(RFC_1123.test(date) ? date : iso);
  if (Number.isNaN(time)) throw bad("InvalidDateFormat", `The date ${JSON.stringify(date)} is not understood`);
  return time;
}
