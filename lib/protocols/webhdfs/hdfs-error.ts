import { DeliveryError, type ErrorCode, type ErrorParameters, type Outcome } from "../../engine/errors.js";
import type { Reply } from "./http-exchange.js";

/** What an operation on HDFS rejects with. `outcome` says whether it may have been carried out all the same. */
export class HdfsError extends DeliveryError {
  /** The simple name of the Java exception, if the server named one: `FileAlreadyExistsException`. */
  readonly exception: string | undefined;

  constructor(
    code: ErrorCode,
    how: { outcome?: Outcome; exception?: string | undefined; parameters?: ErrorParameters; cause?: unknown },
  ) {
    super(code, how);
    this.name = "HdfsError";
    this.exception = how.exception;
  }
}

export function isHdfsError(error: unknown): error is HdfsError {
  return error instanceof HdfsError;
}

/** `{"RemoteException": {"exception", "javaClassName", "message"}}`: WebHDFS REST API, "Error Responses". */
export interface RemoteException {
  readonly exception: string;
  readonly message: string;
}

export function remoteExceptionOf(body: Buffer): RemoteException | undefined {
  try {
    const { RemoteException: remote } = JSON.parse(body.toString()) as { RemoteException?: Partial<RemoteException> };
    if (typeof remote?.exception !== "string") return undefined;
    return { exception: remote.exception, message: firstLine(String(remote.message ?? "")) };
  } catch {
    return undefined;
  }
}

/** Java's messages often go on with a stack trace. */
function firstLine(text: string): string {
  return (text.split("\n", 1)[0] ?? "").slice(0, 500);
}

/** The name node is not the active one of its pair, or does not yet know that it is. */
const ASK_ANOTHER = new Set(["StandbyException", "ObserverRetryOnActiveException"]);

export function asksForAnother(status: number, remote: RemoteException | undefined): boolean {
  return (remote && ASK_ANOTHER.has(remote.exception)) || status === 502 || status === 503;
}

const NOT_ALLOWED = new Set(["AccessControlException", "SecurityException", "AuthorizationException"]);
const NO_ROOM = new Set([
  "DSQuotaExceededException",
  "NSQuotaExceededException",
  "QuotaByStorageTypeExceededException",
]);
/**
 * Checked before anything is changed, so that it is known that nothing was. Everything else may come half-way: where
 * there is no room, a file has been made by then, and is open.
 */
const BEFORE_ANY_CHANGE = new Set([
  ...ASK_ANOTHER,
  ...NOT_ALLOWED,
  "AlreadyBeingCreatedException",
  "FileAlreadyExistsException",
  "FileNotFoundException",
  "IllegalArgumentException",
  "InvalidPathException",
  "InvalidToken",
  "ParentNotDirectoryException",
  "RecoveryInProgressException",
  "UnsupportedOperationException",
]);

/**
 * Who asks was not believed, so nothing was done. A login that goes wrong is answered by a filter before WebHDFS, without the
 * exception that a 403 of WebHDFS itself always names; a token that is not good is found out inside, and wrapped.
 */
function isNotLetIn(status: number, remote: RemoteException | undefined): boolean {
  if (status === 401) return true;
  if (!remote) return status === 403;
  const { exception, message } = remote;
  return (
    exception === "InvalidToken" ||
    exception === "AuthenticationException" ||
    (exception === "SecurityException" && message.startsWith("Failed to obtain user group information"))
  );
}

/** An answer that is no success, as the error that it means. Decided by the exception: nearly all have status 403. */
export function refusal(operation: string, path: string, { status, statusText, body }: Reply): HdfsError {
  const remote = remoteExceptionOf(body);
  const exception = remote?.exception;
  const reason = remote ? `${remote.exception}: ${remote.message}` : `status ${status} ${firstLine(statusText)}`.trim();
  const notLetIn = isNotLetIn(status, remote);
  const unchanged = notLetIn || (exception !== undefined && BEFORE_ANY_CHANGE.has(exception));
  const outcome: Outcome = unchanged ? "none" : "unknown";
  const parameters = { operation, path, reason };
  const make = (code: ErrorCode) => new HdfsError(code, { outcome, exception, parameters });
  if (notLetIn) return make("FLUME_HDFS_AUTHENTICATION");
  if (exception !== undefined && ASK_ANOTHER.has(exception)) return make("FLUME_HDFS_STANDBY");
  if (exception !== undefined && NOT_ALLOWED.has(exception)) return make("FLUME_HDFS_NOT_ALLOWED");
  // What a name node says before a write when none is up, or none has room for a block.
  if (/Failed to find datanode/.test(reason)) return make("FLUME_HDFS_NO_DATA_NODE");
  // The second is what a name node says when no data node has room for a block.
  if ((exception !== undefined && NO_ROOM.has(exception)) || /could only be written to 0 of/.test(reason)) {
    return make("FLUME_HDFS_NO_ROOM");
  }
  return make("FLUME_HDFS_REFUSED");
}

/** With `overwrite=false` HDFS says so in three ways, by whether the other file is open, closed or being recovered. */
export function isTaken(error: unknown): boolean {
  if (!isHdfsError(error)) return false;
  const { exception } = error;
  return (
    exception === "FileAlreadyExistsException" ||
    exception === "AlreadyBeingCreatedException" ||
    exception === "RecoveryInProgressException"
  );
}
