import { isHeadraceError } from "../../../lib/engine/errors.js";
import type { DelimitedForm } from "../../../lib/formats/log-groups/delimited-body.js";
import type { JsonForm } from "../../../lib/formats/log-groups/json-body.js";
import { type LogEventForm, LogEvents } from "../../../lib/formats/log-groups/log-events.js";
import { encodeLogGroup, encodeLogGroupList, type LogGroup } from "../emulator/log-groups.js";

export const NOTHING = { tags: false, topic: false, source: false };
export const ALL = { tags: true, topic: true, source: true };
export const JSON_FORM: JsonForm = {
  kind: "json",
  autoDetectJSONFields: true,
  timeAsField: false,
  groupFields: NOTHING,
};
export const DELIMITED_FORM: DelimitedForm = {
  kind: "delimited",
  columns: ["a", "b", "c"],
  separatorChar: ",",
  quoteChar: '"',
  escapeChar: '"',
  lineEnd: "",
  applyQuotesToAll: false,
  appendTimestamp: false,
  localTimeFieldName: "",
};
export const NOW = 1_700_000_000_123;

export function converter(form: Partial<LogEventForm> = {}): LogEvents {
  return new LogEvents({ body: JSON_FORM, useRecordTime: true, headers: NOTHING, ...form }, () => NOW);
}

export const listOf = (...groups: LogGroup[]): Buffer => encodeLogGroupList(groups.map(encodeLogGroup));

/** Throws where a body is not UTF-8. */
export const strictText = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export function bodies(groups: Buffer, form: Partial<LogEventForm> = {}, most = 1000): string[] {
  return [...converter(form).batches(groups, most)].flatMap((batch) =>
    [...batch].map(({ body }) => strictText.decode(body)),
  );
}

/** One log of these fields. */
export const one = (...contents: [string, string | Buffer][]): LogGroup => ({
  logs: [{ time: 1_600_000_000, contents }],
});

export const json = (contents: [string, string | Buffer][], more: Partial<JsonForm> = {}): string | undefined =>
  bodies(listOf(one(...contents)), { body: { ...JSON_FORM, ...more } })[0];

export const delimited = (
  contents: [string, string | Buffer][],
  more: Partial<DelimitedForm> = {},
): string | undefined => bodies(listOf(one(...contents)), { body: { ...DELIMITED_FORM, ...more } })[0];

export const isBroken = (error: unknown): boolean =>
  isHeadraceError(error) && error.code === "FLUME_LOGHUB_LOGS_BROKEN";
