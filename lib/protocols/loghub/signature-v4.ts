import { createHash, createHmac } from "node:crypto";
import type { Unsigned } from "./signed-request.js";

const ALGORITHM = "SLS4-HMAC-SHA256";
const REQUEST = "aliyun_v4_request";

/**
 * `SLS4-HMAC-SHA256 Credential=…,Signature=…`. The headers hold x-log-date (YYYYMMDDTHHMMSSZ), x-log-content-sha256 and
 * host already, with names in lower case.
 * https://www.alibabacloud.com/help/en/sls/developer-reference/request-signatures ("Request signatures", version 4)
 */
export function signatureV4(request: Unsigned, keyId: string, secret: string, region: string): string {
  const { headers } = request;
  const time = headers["x-log-date"] ?? "";
  const day = time.slice(0, 8);
  const scope = `${day}/${region}/sls/${REQUEST}`;
  const text = [ALGORITHM, time, scope, sha256(Buffer.from(canonical(request)))].join("\n");
  const signature = hmac(signingKey(secret, day, region), text).toString("hex");
  return `${ALGORITHM} Credential=${keyId}/${scope},Signature=${signature}`;
}

/** As the header x-log-content-sha256 has it. */
export function sha256(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function canonical({ method, path, query, headers }: Unsigned): string {
  const names = Object.keys(headers).filter(isSigned).sort();
  const parameters = Object.keys(query)
    .sort()
    .map((name) => {
      const value = encode(query[name] as string);
      return value === "" ? name : `${name}=${value}`;
    });
  return [
    method,
    path,
    parameters.join("&"),
    names.map((name) => `${name}:${(headers[name] as string).trim()}\n`).join(""),
    names.join(";"),
    headers["x-log-content-sha256"] ?? "",
  ].join("\n");
}

function isSigned(name: string): boolean {
  if (name === "host" || name === "content-type") return true;
  return (name.startsWith("x-log-") && !name.startsWith("x-log-meta-")) || name.startsWith("x-acs-");
}

/** RFC 3986: encodeURIComponent leaves five characters that it must not. */
export function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function signingKey(secret: string, day: string, region: string): Buffer {
  return [day, region, "sls", REQUEST].reduce(hmac, Buffer.from(`aliyun_v4${secret}`));
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}
