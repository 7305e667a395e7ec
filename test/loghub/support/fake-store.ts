import { type ErrorCode, HeadraceError } from "../../../lib/engine/errors.js";
import type { LogStore } from "../../../lib/protocols/loghub/port.js";

/** What the service refuses with, as the client tells it. */
export const refusal = (code: ErrorCode): HeadraceError =>
  new HeadraceError(code, { code: "", request: "", reason: "", what: "", status: 0 });

export const codeOf = (error: unknown): string | undefined => (error as { code?: string } | undefined)?.code;

/** Only those calls that a test needs. */
export const storeOf = (calls: Partial<LogStore>): LogStore => calls as LogStore;
