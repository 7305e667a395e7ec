import texts from "../../locales/en-US/errors.json";

/** Codes are part of the public interface: people match on them. Never rename or reuse one. */
export type ErrorCode = keyof typeof texts;
export type ErrorParameters = Readonly<Record<string, string | number>>;

const BRAND = Symbol.for("@headrace/error.v1");

/** Characters of a parameter that a text shows; the rest of a body or a setting that went wrong helps nobody. */
const LONGEST_PARAMETER = 500;

function fill(template: string, parameters: ErrorParameters): string {
  return template.replace(/\{(\w+)\}/g, (whole, name: string) => {
    const value = parameters[name];
    return value === undefined ? whole : oneLine(String(value));
  });
}

/** Parameters hold what came from outside: in a log, or in a reply of one line, they must not look like a line of their own. */
function oneLine(text: string): string {
  const shown = text.length > LONGEST_PARAMETER ? `${text.slice(0, LONGEST_PARAMETER)}…` : text;
  // oxlint-disable-next-line no-control-regex
  return shown.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, escaped);
}

const SHORT_ESCAPES: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

function escaped(character: string): string {
  return SHORT_ESCAPES[character] ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

/**
 * Every error that Headrace raises. `message` is English (protocol replies and logs use it);
 * the palette shows `code` with `parameters` in the reader's language.
 */
export class HeadraceError extends Error {
  readonly code: ErrorCode;
  readonly parameters: ErrorParameters;
  readonly [BRAND] = true;

  constructor(code: ErrorCode, parameters: ErrorParameters = {}, cause?: unknown) {
    super(fill(texts[code].message, parameters), cause === undefined ? undefined : { cause });
    this.name = "HeadraceError";
    this.code = code;
    this.parameters = parameters;
  }

  /** What a person can do about it, in English. */
  get next(): string {
    return fill(texts[this.code].next, this.parameters);
  }
}

/** By brand, not by class: two copies of this package may be loaded in one process. */
export function isHeadraceError(value: unknown): value is HeadraceError {
  return typeof value === "object" && value !== null && BRAND in value;
}

/** Message and next step from a catalogue of another language, English where it lacks the code. */
export function errorText(
  error: HeadraceError,
  catalogue: Readonly<Record<string, { message: string; next: string }>> = texts,
): { message: string; next: string } {
  const entry = catalogue[error.code] ?? texts[error.code];
  return { message: fill(entry.message, error.parameters), next: fill(entry.next, error.parameters) };
}

/** What may be kept on the far side after a delivery was rejected. */
export type Outcome = "none" | "partial" | "unknown";

/**
 * A delivery that was rejected: the caller still owns the batch, whatever `outcome` says.
 * `retry: "never"` means that the same batch can never be accepted as it is.
 */
export class DeliveryError extends HeadraceError {
  readonly outcome: Outcome;
  readonly retry: "later" | "never";
  /** These events (by index in the batch) can never be accepted. Without `failed`, none of the batch was kept. */
  readonly refused: ReadonlyMap<number, HeadraceError> | undefined;
  /** Only these events (by index in the batch) are still the caller's, refused ones too; the others have been accepted. */
  readonly failed: ReadonlyMap<number, HeadraceError> | undefined;

  constructor(
    code: ErrorCode,
    how: {
      outcome?: Outcome;
      retry?: "later" | "never";
      refused?: ReadonlyMap<number, HeadraceError>;
      failed?: ReadonlyMap<number, HeadraceError>;
      parameters?: ErrorParameters;
      cause?: unknown;
    } = {},
  ) {
    super(code, how.parameters, how.cause);
    this.name = "DeliveryError";
    this.outcome = how.outcome ?? "none";
    this.retry = how.retry ?? "later";
    this.refused = how.refused;
    this.failed = how.failed;
  }
}

export function isDeliveryError(value: unknown): value is DeliveryError {
  return isHeadraceError(value) && "outcome" in value;
}

export function channelFull(
  capacity: number | string,
  keepAliveSeconds: number,
  what: "events" | "bytes" = "events",
): DeliveryError {
  return new DeliveryError(what === "events" ? "FLUME_CHANNEL_FULL" : "FLUME_CHANNEL_BYTES_FULL", {
    parameters: { capacity, keepAlive: keepAliveSeconds },
  });
}

export function batchTooLarge(events: number, bytes: number, limits: { events: number; bytes: number }): DeliveryError {
  return new DeliveryError("FLUME_BATCH_TOO_LARGE", {
    retry: "never",
    parameters: { events, bytes, maxEvents: limits.events, maxBytes: limits.bytes },
  });
}

/** The signal was aborted before the batch was admitted. */
export function deliveryAborted(): DeliveryError {
  return new DeliveryError("FLUME_DELIVERY_ABORTED");
}

export function leaseLost(): DeliveryError {
  return new DeliveryError("FLUME_LEASE_LOST");
}

/** Any thrown value as an error whose outcome is known; foreign errors may have left anything behind. */
export function asDeliveryError(error: unknown): DeliveryError {
  if (isDeliveryError(error)) return error;
  if (isHeadraceError(error)) {
    return new DeliveryError(error.code, { parameters: error.parameters, cause: error.cause });
  }
  return new DeliveryError("FLUME_DELIVERY_FAILED", {
    outcome: "unknown",
    parameters: { reason: reasonOf(error) },
    cause: error,
  });
}

/** A short text for any thrown value. */
export function reasonOf(error: unknown): string {
  if (error instanceof Error) return error.message || error.name;
  return String(error);
}
