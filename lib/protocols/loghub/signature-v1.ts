import { createHash, createHmac } from "node:crypto";
import type { Unsigned } from "./signed-request.js";

/**
 * `LOG <access key id>:<signature>`, by HMAC-SHA1. Everything that is signed must be in the headers already, with names
 * in lower case: date, content-md5 and content-type where there is a body, all x-log-… and x-acs-….
 * https://www.alibabacloud.com/help/en/sls/developer-reference/request-signatures ("Request signatures", version 1)
 */
export function signatureV1({ method, path, query, headers }: Unsigned, keyId: string, secret: string): string {
  const signed = Object.keys(headers)
    .filter((name) => (name.startsWith("x-log-") || name.startsWith("x-acs-")) && name !== "x-log-date")
    .sort()
    .map((name) => `${name}:${headers[name]}\n`)
    .join("");
  const parameters = Object.keys(query)
    .sort()
    .map((name) => `${name}=${query[name]}`)
    .join("&");
  const text = [
    method,
    headers["content-md5"] ?? "",
    headers["content-type"] ?? "",
    headers["date"] ?? "",
    `${signed}${path}${parameters === "" ? "" : `?${parameters}`}`,
  ].join("\n");
  return `LOG ${keyId}:${createHmac("sha1", secret).update(text).digest("base64")}`;
}

/** As the header Content-MD5 has it. */
export function contentMd5(body: Buffer): string {
  return createHash("md5").update(body).digest("hex").toUpperCase();
}
