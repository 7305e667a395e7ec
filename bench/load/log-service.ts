// log-service.js <shards> <groups of each shard>: the emulator of Log Service in a process of its own, holding logs of 8
// fields. Prints where it is, and one line more for each group of consumers whose checkpoints have reached the ends.
import { encodeLogGroup } from "../../test/loghub/emulator/log-groups";
import { startLogService } from "../../test/loghub/emulator/log-service";

const LOGS = 100;

/** Access logs, about 200 bytes each on the wire. */
function group(): { bytes: Buffer; logs: number } {
  const time = Math.floor(Date.now() / 1_000);
  const logs = Array.from({ length: LOGS }, (_, i) => ({
    time,
    contents: [
      ["method", i % 7 === 0 ? "POST" : "GET"],
      ["path", `/articles/${(i * 7919) % 10_000}/comments`],
      ["status", i % 50 === 0 ? "404" : "200"],
      ["bytes", String(200 + ((i * 37) % 9_000))],
      ["client", `192.0.2.${i}`],
      ["agent", "Mozilla/5.0 (X11; Linux x86_64)"],
      ["referer", "https://example.com/index.html"],
      ["took", String((i * 13) % 500)],
    ] as const,
  }));
  return {
    bytes: encodeLogGroup({ topic: "access", source: "10.0.0.1", tags: [["host", "web-1"]], logs }),
    logs: LOGS,
  };
}

async function main([shards = "4", groups = "1000"]: string[]): Promise<void> {
  const service = await startLogService({ shards: Number(shards), capacity: Number.POSITIVE_INFINITY });
  // The same bytes again and again: what is measured reads copies of them.
  const one = group();
  for (const { id } of service.store().shards) for (let i = 0; i < Number(groups); i++) service.store().append(one, id);
  const { endpoint, project, logstore, key } = service;
  const bytes = one.bytes.length * Number(shards) * Number(groups);
  const logs = LOGS * Number(shards) * Number(groups);
  console.log(JSON.stringify({ endpoint, project, logstore, accessKeyId: key.id, accessKey: key.secret, logs, bytes }));
}

main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
