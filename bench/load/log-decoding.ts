// One core's work on replies of PullLogs: LZ4, the check of every field, and events of every log.
//   node log-decoding.js SECONDS
// Prints [{"form", "megabytesPerSecond", "logsPerSecond"} …]; megabytes are those of LogGroups before compression.
import { checkLogGroups } from "../../lib/formats/log-groups/check-log-groups";
import type { DelimitedForm } from "../../lib/formats/log-groups/delimited-body";
import { type LogEventForm, LogEvents } from "../../lib/formats/log-groups/log-events";
import { packBody, unpackBody } from "../../lib/protocols/loghub/compression";
import { encodeLogGroupList } from "../../test/loghub/emulator/log-groups";
import { accessLogGroup, LOGS_OF_A_GROUP } from "./access-logs";

const seconds = Number(process.argv[2]);
if (!(seconds > 0)) throw new Error("usage: log-decoding SECONDS");

const GROUPS = 720;
const NOTHING = { tags: false, topic: false, source: false };
const ALL = { tags: true, topic: true, source: true };
const COLUMNS = ["__path__", "method", "url", "status", "latency_ms", "client", "agent", "request_id"];

const json = { kind: "json", autoDetectJSONFields: true, timeAsField: false, groupFields: NOTHING } as const;
const delimited: DelimitedForm = {
  kind: "delimited",
  ...{ columns: COLUMNS, separatorChar: ",", quoteChar: '"', escapeChar: '"', lineEnd: "" },
  ...{ applyQuotesToAll: false, appendTimestamp: false, localTimeFieldName: "" },
} as const;
const forms: Readonly<Record<string, LogEventForm>> = {
  JSON: { body: json, useRecordTime: true, headers: NOTHING },
  "JSON, time and group in it": {
    body: { ...json, timeAsField: true, groupFields: ALL },
    useRecordTime: true,
    headers: NOTHING,
  },
  delimited: { body: delimited, useRecordTime: true, headers: NOTHING },
};

async function main(): Promise<void> {
  const groups = Array.from({ length: GROUPS }, (_, i) => accessLogGroup(i * LOGS_OF_A_GROUP, 1_700_000_000 + i));
  const list = encodeLogGroupList(groups);
  const packed = await packBody("lz4", list);
  const results: object[] = [];
  for (const [form, settings] of Object.entries(forms)) {
    const events = new LogEvents(settings);
    const replies = async (count: number): Promise<number> => {
      let logs = 0;
      for (let reply = 0; reply < count; reply++) {
        const unpacked = await unpackBody("lz4", packed, list.length);
        await checkLogGroups(unpacked);
        for (const batch of events.batches(unpacked, 1_000)) logs += batch.length;
      }
      return logs;
    };
    await replies(10);
    // What the process itself used: another one on the same core does not count.
    const cpu = process.cpuUsage();
    const from = performance.now();
    let logs = 0;
    let bytes = 0;
    while (performance.now() - from < seconds * 1_000) {
      logs += await replies(2);
      bytes += 2 * list.length;
    }
    const { user, system } = process.cpuUsage(cpu);
    const used = (user + system) / 1e6;
    results.push({ form, megabytesPerSecond: bytes / 1e6 / used, logsPerSecond: logs / used });
  }
  console.log(JSON.stringify(results));
}

void main();
