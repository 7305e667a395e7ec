import type { FlowNode } from "../test/support/node-red";
import type { Bar, Bench, BenchOptions } from "./bench";
import { rateOf } from "./measure/rate";
import { runRounds, type Side } from "./measure/rounds";
import { comparison, named, OURS, rateBar } from "./report/comparison";
import { milliseconds } from "./report/figures";
import { nodeRedPipeline } from "./sides/node-red";
import { measure } from "./sides/pipeline";
import { type Script, startScript } from "./sides/script";

const WANTED = 150_000;
/** Milliseconds of the event loop's delay. */
const LATEST_LOOP = 20;
const GROUPS = 15_000;

interface Service {
  readonly endpoint: string;
  readonly project: string;
  readonly logstore: string;
  readonly accessKeyId: string;
  readonly accessKey: string;
  readonly logs: number;
}

export const logHubSource: Bench = {
  about: "LogHub source (emulator of Log Service, logs of 8 fields) → memory → null, as JSON, 4 and 64 shards",
  async run(options) {
    const tables = [];
    const bars: Bar[] = [];
    for (const shards of [4, 64]) {
      const title = `LogHub source, ${shards} shards → memory → null`;
      const script = startScript("log-service", shards, Math.round((GROUPS * options.scale) / shards));
      try {
        const sides = await runRounds([await side(script, options)], options);
        const own = named(sides, OURS);
        tables.push(comparison(title, sides));
        bars.push(rateBar(title, own, WANTED), {
          what: `${title}: event-loop delay, p99`,
          wanted: `≤ ${LATEST_LOOP} ms`,
          got: milliseconds(own?.loop?.p99),
          met: own?.loop ? own.loop.p99 <= LATEST_LOOP : undefined,
        });
      } finally {
        await script.stop();
      }
    }
    return { tables, bars };
  },
};

async function side(script: Script, options: BenchOptions): Promise<Side> {
  const service = (await script.next()) as Service;
  let groups = 0;
  return {
    name: OURS,
    run: async () => {
      const pipeline = await nodeRedPipeline([{ id: "tab", type: "tab", label: "Bench" }], options);
      // Keys are taken from a deploy only.
      await pipeline.nodeRed.deploy(flow(service, `bench-${++groups}`));
      return await measure(pipeline, () => rateOf(service.logs, () => pipeline.taken()));
    },
  };
}

function flow({ endpoint, project, logstore, ...keys }: Service, consumerGroup: string): FlowNode[] {
  const { accessKeyId, accessKey } = keys;
  const credentials = { accessKeyId, accessKey };
  return [
    { id: "tab", type: "tab", label: "Bench" },
    { id: "project", type: "flume-loghub-project", name: "", endpoint, project, credentials },
    node("flume-loghub-source", "source", ["channel"], {
      ...{ project: "project", logstore, consumerGroup, consumerPosition: "begin", useRecordTime: true },
      batchSize: 1_000,
    }),
    node("flume-memory-channel", "channel", ["sink"], { capacity: 100_000, transactionCapacity: 10_000 }),
    node("flume-null-sink", "sink", [], { batchSize: 1_000, logEveryNEvents: 1_000_000_000 }),
  ];
}

function node(type: string, id: string, wires: string[], settings: Readonly<Record<string, unknown>>): FlowNode {
  return { id, type, z: "tab", name: "", wires: [wires], ...settings };
}
