import type { FlowNode } from "../test/support/node-red";
import type { Bar, Bench, BenchOptions } from "./bench";
import { MEMORY_CHANNEL, NULL_SINK } from "./flows";
import { rateDuring } from "./measure/rate";
import { runRounds, type Side, type Summary } from "./measure/rounds";
import { comparison, named, rateBar, ratioBar } from "./report/comparison";
import { eventRate, megabytes } from "./report/figures";
import type { Table } from "./report/table";
import { nodeRedPipeline } from "./sides/node-red";
import { measure, type Pipeline } from "./sides/pipeline";
import { stressProperties } from "./stress";

const TRACKED = "tracked";
const UNTRACKED = "handed over";

/** What stands between the two channels, wired from `n` to `b`. */
interface Path {
  readonly name: string;
  readonly nodes: readonly FlowNode[];
  /** Events a second that are promised on a quiet machine. */
  readonly promised?: number;
}

const node = (
  type: string,
  id: string,
  to: readonly string[],
  settings: Readonly<Record<string, unknown>>,
): FlowNode => ({
  id,
  type,
  z: "tab",
  name: "",
  wires: [[...to]],
  ...settings,
});
const change = (id: string, to: string): FlowNode =>
  node("change", id, [to], { rules: [{ t: "set", p: "topic", pt: "msg", to: "x", tot: "str" }] });
const javascript = (id: string, to: string, code: string): FlowNode =>
  node("function", id, [to], { func: code, outputs: 1, timeout: 0, initialize: "", finalize: "", libs: [] });
const isText = { t: "istype", v: "string", vt: "string" };

const paths: readonly Path[] = [
  { name: "Change", nodes: [change("n", "b")], promised: 150_000 },
  { name: "Function", nodes: [javascript("n", "b", "return msg;")], promised: 70_000 },
  {
    name: "Switch",
    nodes: [
      node("switch", "n", ["b"], {
        property: "payload",
        propertyType: "msg",
        rules: [isText],
        checkall: "true",
        repair: false,
        outputs: 1,
      }),
    ],
  },
  { name: "three Change nodes", nodes: [change("n", "n2"), change("n2", "n3"), change("n3", "b")] },
];

export const tracking: Bench = {
  about:
    "channel → ordinary nodes → channel, tracked beside handed over; what other flows lose; memory behind slow nodes",
  async run(options) {
    const tables: Table[] = [];
    const bars: Bar[] = [];
    for (const path of paths) {
      const sides = await runRounds([pathSide(options, path, TRACKED), pathSide(options, path, UNTRACKED)], options);
      const tracked = named(sides, TRACKED);
      tables.push(comparison(`stress, 100 bytes → memory → ${path.name} → memory → null`, sides));
      bars.push(ratioBar(`${path.name}: tracked beside handed over`, tracked, named(sides, UNTRACKED), 0.5));
      if (path.promised !== undefined)
        bars.push(rateBar(`${path.name}: tracked, quiet machine`, tracked, path.promised));
    }
    const others = await bystanders(options);
    tables.push(others.table);
    bars.push(...others.bars);
    bars.push(await slowFunction(options));
    return { tables, bars };
  },
};

function pathSide(options: BenchOptions, path: Path, name: string): Side {
  return {
    name,
    run: async () => {
      const pipeline = await nodeRedPipeline(pathFlows(path.nodes, name), options);
      return await measure({ ...pipeline, taken: () => written(pipeline) }, (side) => windowRate(side, options));
    },
  };
}

function pathFlows(nodes: readonly FlowNode[], name: string): FlowNode[] {
  const mode = name === TRACKED ? "tracked" : "handOver";
  return [
    { id: "tab", type: "tab", label: "Bench" },
    node("flume-stress-source", "source", ["a"], stressProperties(100)),
    node("flume-memory-channel", "a", ["n"], { ...MEMORY_CHANNEL, tracking: mode }),
    ...nodes,
    node("flume-memory-channel", "b", ["sink"], MEMORY_CHANNEL),
    { ...node("flume-null-sink", "sink", [], NULL_SINK), wires: [] },
  ];
}

/** Events at the far end: counting takes out of channels would count each event twice. */
async function written({ nodeRed }: Awaited<ReturnType<typeof nodeRedPipeline>>): Promise<number> {
  const metrics = await nodeRed.adminGet<Record<string, Record<string, string>>>("/headrace/metrics");
  return Number(metrics["SINK.sink"]?.["EventDrainSuccessCount"] ?? 0);
}

async function windowRate(pipeline: Pipeline, { scale }: BenchOptions): Promise<number> {
  return await rateDuring({ warmUp: 2000 * scale, window: 5000 * scale }, () => pipeline.taken());
}

const ALONE = "no tracked path";
const BESIDE = "beside a tracked path";
const AFTER = "after it has gone";

/** Messages that go round in nine Change nodes, with and without hooks in the same Node-RED. */
async function bystanders(options: BenchOptions): Promise<{ table: Table; bars: Bar[] }> {
  const sides = await runRounds(
    [ALONE, BESIDE, AFTER].map((name) => bystander(options, name)),
    options,
  );
  const of = (name: string): Summary | undefined => named(sides, name);
  return {
    table: comparison("messages of another flow, nine Change nodes and a counter", sides),
    bars: [
      ratioBar("other flows beside a tracked path", of(BESIDE), of(ALONE), 0.7),
      ratioBar("other flows after it has gone", of(AFTER), of(ALONE), 0.95),
    ],
  };
}

function bystander(options: BenchOptions, name: string): Side {
  return {
    name,
    run: async () => {
      const first = name === ALONE ? otherFlow() : [...otherFlow(), ...idlePath()];
      const pipeline = await nodeRedPipeline(first, options);
      if (name === AFTER) await pipeline.nodeRed.deploy(otherFlow(), "nodes");
      const count = async (): Promise<number> => Number(await (await fetch(`${pipeline.nodeRed.url}/count`)).text());
      return await measure({ ...pipeline, taken: count }, (side) => windowRate(side, options));
    },
  };
}

function otherFlow(): FlowNode[] {
  const ring = Array.from({ length: 9 }, (_, i) => change(`o${i}`, i < 8 ? `o${i + 1}` : "counter"));
  return [
    { id: "tab", type: "tab", label: "Bench" },
    node("inject", "start", ["many"], {
      props: [{ p: "payload" }],
      payload: "",
      payloadType: "date",
      once: true,
      onceDelay: 0.1,
    }),
    javascript("many", "o0", "for (let i = 0; i < 64; i++) node.send({ payload: i });"),
    ...ring,
    javascript("counter", "o0", "global.set('count', (global.get('count') || 0) + 1); return msg;"),
    node("http in", "in", ["read"], { url: "/count", method: "get", upload: false }),
    javascript("read", "out", "msg.payload = String(global.get('count') || 0); return msg;"),
    { ...node("http response", "out", [], { statusCode: "", headers: {} }), wires: [] },
  ];
}

function idlePath(): FlowNode[] {
  return [
    node("flume-memory-channel", "a", ["n"], MEMORY_CHANNEL),
    change("n", "b"),
    node("flume-memory-channel", "b", ["sink"], MEMORY_CHANNEL),
    { ...node("flume-null-sink", "sink", [], NULL_SINK), wires: [] },
  ];
}

const MOST_GROWTH = 100 * 1024 * 1024;

/** A source at full speed before a Function that takes a second for each message. */
async function slowFunction(options: BenchOptions): Promise<Bar> {
  const slow = javascript("n", "b", "await new Promise((done) => setTimeout(done, 1000)); return msg;");
  const pipeline = await nodeRedPipeline(pathFlows([slow], TRACKED), options);
  try {
    await rateDuring({ warmUp: 3000 * options.scale, window: 3000 * options.scale }, () => written(pipeline));
    const before = await pipeline.nodeRed.rss();
    const rate = await rateDuring({ warmUp: 0, window: 15_000 * options.scale }, () => written(pipeline));
    const growth = (await pipeline.nodeRed.rss()) - before;
    options.say(`Function that takes a second: ${eventRate(rate)} events/s`);
    return {
      what: "memory grows behind a Function of a second, within 15 s",
      wanted: `≤ ${megabytes(MOST_GROWTH)}`,
      got: megabytes(Math.max(growth, 0)),
      met: growth <= MOST_GROWTH,
    };
  } finally {
    await pipeline.stop();
  }
}
