import { decompress, hasZstd, isCompression } from "./compression.js";
import { decodeLogGroup, type LogGroup, MalformedLogGroup, NotText } from "./log-groups.js";
import type { Call } from "./operations.js";
import { ServiceError } from "./service-error.js";

/** Documented limits. */
const MOST_BYTES = 10 * 1024 * 1024;
const MOST_BYTES_OF_A_VALUE = 1024 * 1024;
const OLDEST = 7 * 24 * 3_600;
const NEWEST = 15 * 60;

const bad = (code: string, message: string): ServiceError => new ServiceError(400, code, message);

/**
 * The group of a PutLogs request, after everything that the service could object to.
 * @param now seconds since 1970
 */
export function readPutBody(call: Call, now: number): { readonly bytes: Buffer; readonly logs: number } {
  const { headers, body } = call;
  if (headers["content-type"] !== "application/x-protobuf") {
    throw new ServiceError(415, "InvalidContentType", `The Content-Type is ${headers["content-type"] ?? "missing"}`);
  }
  const told = headers["x-log-bodyrawsize"];
  if (told === undefined) throw bad("MissingBodyRawSize", "x-log-bodyrawsize is missing");
  if (!/^\d{1,10}$/.test(told)) throw bad("InvalidBodyRawSize", `x-log-bodyrawsize is ${told}`);
  const size = Number(told);
  if (size > MOST_BYTES) throw bad("PostBodyTooLarge", `${size} bytes are more than the ${MOST_BYTES} allowed`);
  const bytes = uncompressed(body, size, headers["x-log-compresstype"]);
  const group = parsed(bytes);
  checkLogs(group, now);
  return { bytes, logs: group.logs.length };
}

function uncompressed(body: Buffer, size: number, how: string | undefined): Buffer {
  if (how === undefined) {
    if (body.length !== size) throw bad("InvalidBodyRawSize", `The body has ${body.length} bytes, not ${size}`);
    return body;
  }
  // A zlib stream that calls itself gzip is documented nowhere for writing.
  if (!isCompression(how) || how === "gzip") throw bad("InvalidCompressType", `x-log-compresstype is ${how}`);
  if (how === "zstd" && !hasZstd) throw bad("InvalidCompressType", "This emulator runs on a Node without zstd");
  try {
    return decompress(body, how, size);
  } catch (error) {
    throw bad("PostBodyUncompressError", error instanceof Error ? error.message : String(error));
  }
}

function parsed(bytes: Buffer): LogGroup {
  try {
    return decodeLogGroup(bytes);
  } catch (error) {
    if (error instanceof NotText) throw bad("InvalidEncoding", error.message);
    if (error instanceof MalformedLogGroup) throw bad("PostBodyInvalid", error.message);
    throw error;
  }
}

function checkLogs(group: LogGroup, now: number): void {
  // Inferred: that a group without logs is refused rather than taken and forgotten.
  if (group.logs.length === 0) throw bad("PostBodyInvalid", "The LogGroup holds no logs");
  for (const { time, contents } of group.logs) {
    if (time < now - OLDEST || time > now + NEWEST) {
      throw bad(
        "InvalidTimestamp",
        `The log's time ${time} is older than 7 days or more than 15 minutes ahead of ${now}`,
      );
    }
    for (const [key, value] of contents) {
      if (key === "") throw bad("InvalidKey", "A key is empty");
      // Inferred: the code.
      if (value.length > MOST_BYTES_OF_A_VALUE) throw bad("PostBodyInvalid", `The value of ${key} is longer than 1 MB`);
    }
  }
}
