import { DeliveryError, type ErrorCode, type Outcome } from "../../engine/errors.js";

/** What was asked of the service, as its errors tell it. */
export interface Operation {
  /** The service's own name, and what it is about: "PullLogs of shard 3 of my-logstore". */
  readonly what: string;
  /** The action that a RAM policy must allow for it. */
  readonly action: string;
  /** Whether it may have been carried out although there was no answer. */
  readonly changes: boolean;
}

/** What a call of the client rejects with. The codes stand in `port.ts`. */
export class LogHubError extends DeliveryError {
  /** HTTP; undefined when there was no reply. */
  readonly status: number | undefined;
  /** The service's own code: `ShardReadQuotaExceed`. */
  readonly errorCode: string | undefined;
  readonly requestId: string | undefined;

  constructor(code: ErrorCode, operation: Operation, how: LogHubFailure) {
    const { status, errorCode, requestId, reason, cause } = how;
    super(code, {
      outcome: how.outcome ?? "none",
      parameters: {
        what: operation.what,
        action: operation.action,
        status: status ?? "–",
        code: errorCode ?? "–",
        request: requestId ?? "–",
        reason: sentence(reason),
      },
      cause,
    });
    this.name = "LogHubError";
    this.status = status;
    this.errorCode = errorCode;
    this.requestId = requestId;
  }
}

/** The next step follows it. */
function sentence(text: string): string {
  const line = text.replace(/\s+/g, " ").trim();
  return /[.!?。！？…]$/.test(line) ? line : `${line}.`;
}

export interface LogHubFailure {
  readonly reason: string;
  readonly status?: number | undefined;
  readonly errorCode?: string | undefined;
  readonly requestId?: string | undefined;
  readonly outcome?: Outcome;
  readonly cause?: unknown;
}

export function isLogHubError(error: unknown): error is LogHubError {
  return error instanceof LogHubError;
}

/** Where the service has one code for what callers tell apart; some clients also know misspelt ones. */
const CODES: Readonly<Record<string, ErrorCode>> = {
  Unauthorized: "FLUME_LOGHUB_UNAUTHORIZED",
  SignatureNotMatch: "FLUME_LOGHUB_KEY",
  InvalidAccessKeyId: "FLUME_LOGHUB_KEY",
  "InvalidAccessKeyId.NotFound": "FLUME_LOGHUB_KEY",
  MissAccessKeyId: "FLUME_LOGHUB_KEY",
  SecurityTokenExpired: "FLUME_LOGHUB_KEY",
  "SecurityToken.Expired": "FLUME_LOGHUB_KEY",
  ProjectForbidden: "FLUME_LOGHUB_UNAUTHORIZED",
  RequestTimeTooSkewed: "FLUME_LOGHUB_CLOCK",
  RequestTimeExpired: "FLUME_LOGHUB_CLOCK",
  ProjectNotExist: "FLUME_LOGHUB_MISSING",
  ProjectNotExists: "FLUME_LOGHUB_MISSING",
  LogStoreNotExist: "FLUME_LOGHUB_MISSING",
  ConsumerGroupNotExist: "FLUME_LOGHUB_GROUP_MISSING",
  ConsumerGroupAlreadyExist: "FLUME_LOGHUB_GROUP_EXISTS",
  NotExistConsumerWithBody: "FLUME_LOGHUB_CONSUMER_UNKNOWN",
  ConsumerNotExist: "FLUME_LOGHUB_SHARD_LOST",
  ConsumerNotExsit: "FLUME_LOGHUB_SHARD_LOST",
  ConsumerNotMatch: "FLUME_LOGHUB_SHARD_LOST",
  ShardNotExist: "FLUME_LOGHUB_SHARD_LOST",
  InvalidCursor: "FLUME_LOGHUB_CURSOR_INVALID",
};

/** Answers after which other credentials may do: those of the Python SDK 0.9.52, and that of a secret that was wrong. */
const CREDENTIALS_REFUSED = new Set([
  "SignatureNotMatch",
  "Unauthorized",
  "InvalidAccessKeyId",
  "InvalidAccessKeyId.NotFound",
  "SecurityTokenExpired",
  "SecurityToken.Expired",
]);

export function asksForOtherCredentials({ errorCode }: LogHubError): boolean {
  return errorCode !== undefined && CREDENTIALS_REFUSED.has(errorCode);
}

/** An answer that is no success, as the error that it means. */
export function refusalOf(
  operation: Operation,
  status: number,
  body: Buffer,
  requestId: string | undefined,
): LogHubError {
  const { errorCode, errorMessage } = errorBody(body);
  const code = (errorCode === undefined ? undefined : CODES[errorCode]) ?? codeByStatus(status, errorCode);
  // Of an internal error nobody knows when it happened.
  const outcome = status >= 500 && operation.changes ? "unknown" : "none";
  return new LogHubError(code, operation, { reason: errorMessage, status, errorCode, requestId, outcome });
}

function codeByStatus(status: number, errorCode = ""): ErrorCode {
  if (status === 401) return "FLUME_LOGHUB_UNAUTHORIZED";
  if (status === 429 || /QuotaExceed/i.test(errorCode)) return "FLUME_LOGHUB_QUOTA";
  return "FLUME_LOGHUB_REFUSED";
}

const LONGEST_TEXT = 500;

/** `{"errorCode", "errorMessage"}`; some proxies in between answer with a page of their own. */
function errorBody(body: Buffer): { errorCode?: string; errorMessage: string } {
  const text = body.toString("utf8", 0, 8192);
  try {
    const { errorCode, errorMessage } = JSON.parse(text) as Record<string, unknown>;
    if (typeof errorCode === "string") {
      return { errorCode, errorMessage: String(errorMessage ?? "").slice(0, LONGEST_TEXT) };
    }
  } catch {
    // Not JSON: shown as it is.
  }
  const plain = text.replace(/\s+/g, " ").trim().slice(0, 100);
  return { errorMessage: plain === "" ? "an answer without text" : plain };
}
