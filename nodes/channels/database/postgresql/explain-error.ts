import {
  DeliveryError,
  type ErrorCode,
  type HeadraceError,
  isHeadraceError,
  reasonOf,
} from "../../../../lib/engine/errors.js";

/** Of the package pg, when a statement takes longer than it may. */
const NO_ANSWER = "Query read timeout";

/** Where errors come from, for people. */
export interface Far {
  /** host:port/database */
  readonly database: string;
  readonly user: string;
}

/** SQLSTATE (appendix A of PostgreSQL's manual), where the server has said something. */
function stateOf(error: unknown): string | undefined {
  const { code, severity } = error as { code?: unknown; severity?: unknown };
  return typeof code === "string" && severity !== undefined ? code : undefined;
}

/** The connection is over, or cannot be used any more: what the server has done of the last statement is not known. */
export function isLoss(error: unknown): boolean {
  const state = stateOf(error);
  return state === undefined ? !isHeadraceError(error) : state.startsWith("57P") || state.startsWith("08");
}

const STATES: Readonly<Record<string, ErrorCode>> = {
  "28000": "FLUME_DATABASE_LOGIN",
  "28P01": "FLUME_DATABASE_LOGIN",
  "3D000": "FLUME_DATABASE_CANNOT_OPEN",
  "3F000": "FLUME_DATABASE_CANNOT_OPEN",
  "42501": "FLUME_DATABASE_CANNOT_OPEN",
  "53100": "FLUME_DATABASE_FULL",
  "53300": "FLUME_DATABASE_UNREACHABLE",
  "57P03": "FLUME_DATABASE_UNREACHABLE",
  "25006": "FLUME_DATABASE_READ_ONLY",
  "55P03": "FLUME_DATABASE_LOCKED",
};

/** An error of the server or of the connection as a person is told of it. `connecting`: there was no connection yet. */
export function explain(error: unknown, { database, user }: Far, connecting: boolean): HeadraceError {
  if (isHeadraceError(error)) return error;
  const reason = reasonOf(error) === NO_ANSWER ? "the server has not answered within socketTimeout" : reasonOf(error);
  const parameters = { database, user, reason };
  const state = stateOf(error);
  let code: ErrorCode;
  if (state !== undefined) code = STATES[state] ?? (isLoss(error) ? "FLUME_DATABASE_LOST" : "FLUME_DATABASE_FAILED");
  else if (isTls(error)) code = "FLUME_DATABASE_TLS";
  else code = connecting ? "FLUME_DATABASE_UNREACHABLE" : "FLUME_DATABASE_LOST";
  return new DeliveryError(code, { parameters, cause: error });
}

function isTls(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  if (typeof code === "string" && /^(ERR_TLS|ERR_SSL|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO)/.test(code)) return true;
  return /does not support SSL|SSL routines|secure TLS/.test(reasonOf(error));
}
