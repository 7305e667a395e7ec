import { createHash, createHmac, timingSafeEqual } from "node:crypto";

/** A request as far as it is signed. */
export interface SignedRequest {
  readonly method: string;
  /** Undecoded, without the query. */
  readonly path: string;
  /** Decoded. */
  readonly query: readonly (readonly [string, string])[];
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
}

const isServiceHeader = (name: string): boolean =>
  (name.startsWith("x-log-") && !name.startsWith("x-log-meta-")) || name.startsWith("x-acs-");

/**
 * Version 1: what follows `LOG <id>:`. The header x-log-date is not in the signed text (common request headers,
 * developer guide); official clients add it after signing.
 */
export function signatureV1(request: SignedRequest, secret: string, hash: "sha1" | "sha256"): string {
  const { method, path, query, headers } = request;
  const signedHeaders = Object.keys(headers)
    .filter((name) => isServiceHeader(name) && name !== "x-log-date")
    .sort()
    .map((name) => `${name}:${headers[name] ?? ""}`);
  const resource = [...query]
    .sort(([a], [b]) => order(a, b))
    .map(([name, value]) => `${name}=${value}`)
    .join("&");
  const text = [
    method,
    headers["content-md5"] ?? "",
    headers["content-type"] ?? "",
    headers["date"] ?? headers["x-log-date"] ?? "",
    ...signedHeaders,
    resource === "" ? path : `${path}?${resource}`,
  ].join("\n");
  return createHmac(hash, secret).update(text).digest("base64");
}

/** Version 4: the hexadecimal text behind `Signature=`. */
export function signatureV4(request: SignedRequest, secret: string, date: string, region: string): string {
  const { method, path, query, headers } = request;
  const signed = Object.keys(headers)
    .filter((name) => name === "content-type" || name === "host" || isServiceHeader(name))
    .sort();
  const canonical = [
    method,
    path,
    [...query]
      .sort(([a], [b]) => order(a, b))
      .map(([name, value]) => (value === "" ? name : `${name}=${percentEncoded(value)}`))
      .join("&"),
    signed.map((name) => `${name}:${(headers[name] ?? "").trim()}\n`).join(""),
    signed.join(";"),
    headers["x-log-content-sha256"] ?? "",
  ].join("\n");
  const day = date.slice(0, 8);
  const scope = `${day}/${region}/sls/aliyun_v4_request`;
  const text = ["SLS4-HMAC-SHA256", date, scope, createHash("sha256").update(canonical).digest("hex")].join("\n");
  let key: string | Buffer = `aliyun_v4${secret}`;
  for (const part of [day, region, "sls", "aliyun_v4_request"]) {
    key = createHmac("sha256", key).update(part).digest();
  }
  return createHmac("sha256", key).update(text).digest("hex");
}

export function equalTexts(a: string, b: string): boolean {
  const [one, other] = [Buffer.from(a), Buffer.from(b)];
  return one.length === other.length && timingSafeEqual(one, other);
}

const order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** RFC 3986: letters, digits and -._~ stand for themselves. */
function percentEncoded(value: string): string {
  return encodeURIComponent(value).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}
