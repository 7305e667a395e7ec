import { encodeLog, encodeLogGroup, type LogField } from "../../lib/formats/log-groups/log-group-writer";

/** Logs of eight fields, about 275 bytes each in their wire form, as an access log has them. */
export const LOGS_OF_A_GROUP = 50;

export function accessLogGroup(first: number, time: number): Buffer {
  const logs = Array.from({ length: LOGS_OF_A_GROUP }, (_, i) => encodeLog(time, fieldsOf(first + i)));
  const tags: LogField[] = [[Buffer.from("__hostname__"), Buffer.from("web-1")]];
  return encodeLogGroup(logs, { topic: "access", source: "10.0.0.1", tags });
}

function fieldsOf(number: number): LogField[] {
  const fields: Record<string, string> = {
    __path__: "/var/log/app/access.log",
    method: number % 7 === 0 ? "POST" : "GET",
    url: `/api/v1/items/${number}?page=${number % 17}&size=20`,
    status: String(200 + (number % 5)),
    latency_ms: String(number % 977),
    client: `10.0.${number % 256}.${(number * 7) % 256}`,
    agent: 'Mozilla/5.0 (X11; Linux x86_64) "Gecko/20100101" Firefox/115.0',
    request_id: ((number * 2_654_435_761) >>> 0).toString(16).padStart(32, "0"),
  };
  return Object.entries(fields).map(([name, value]) => [Buffer.from(name), Buffer.from(value)]);
}
