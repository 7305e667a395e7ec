import { strict as assert } from "node:assert";
import { eventually } from "../../support/eventually.js";
import { type FlowNode, type NodeRedOptions, supported } from "../../support/node-red.js";
import { tab } from "../../support/flow-nodes.js";
import { type Feed, Oracle, type OracleReport, oracleChannel, oracleSink } from "./oracle.js";

const BATCHES = 40;
const SIZE = 3;

/** What came out of one case, with the ids of its own nodes. */
export interface CaseReport {
  /** How often each event was written, over all sinks. */
  readonly written: ReadonlyMap<string, number>;
  /** The same at one sink, by the id that the case gave it. */
  sink(id: string): ReadonlyMap<string, number>;
  /** Events that were fed. */
  readonly fed: number;
}

/** One row of the table of nodes: a path from the channel `c` to the sink `s`; its first node is `n`. */
export interface NodeCase {
  readonly name: string;
  readonly nodes: readonly FlowNode[];
  readonly feed?: Partial<Feed>;
  /** How often each event is written. 1 when absent, unless there is a `check`. */
  readonly times?: number;
  readonly check?: (report: CaseReport) => void;
  readonly channel?: Readonly<Record<string, unknown>>;
  /** What the canvas says; `tracked` when absent. */
  readonly label?: RegExp;
  /** What the canvas says when all has been committed, if that is something else. */
  readonly labelAfterwards?: RegExp;
  /** Node-RED lines that have it; all when absent. */
  readonly only?: "5" | "4.1";
  readonly timeout?: number;
}

/** Every case on a tab of its own: `n` becomes `n.7`, and so on. */
function tabOf(one: NodeCase, number: number): FlowNode[] {
  const own = (id: string) => `${id}.${number}`;
  const z = own("tab");
  const nodes = [oracleChannel("c", ["n"], one.channel), ...one.nodes, oracleSink("s")];
  const tabs = nodes.filter(({ type }) => type === "tab").map(({ id }) => id);
  return [
    tab(z),
    ...nodes.map((node) => ({
      ...node,
      id: own(node.id),
      ...(node.type === "tab" ? {} : { z: node.z !== undefined && tabs.includes(node.z) ? own(node.z) : z }),
      ...(node.wires ? { wires: node.wires.map((wire) => wire.map(own)) } : {}),
      ...(Array.isArray(node["links"]) ? { links: node["links"].map((id: string) => own(id)) } : {}),
      ...(Array.isArray(node["scope"]) ? { scope: node["scope"].map((id: string) => own(id)) } : {}),
      ...(typeof node["g"] === "string" ? { g: own(node["g"]) } : {}),
      ...(typeof node["exit"] === "string" ? { exit: own(node["exit"]) } : {}),
    })),
  ];
}

function reportOf(report: OracleReport, number: number, fed: number): CaseReport {
  const channel = `c.${number}`;
  return {
    fed,
    written: new Map(Object.entries(report.written).filter(([id]) => id.startsWith(`${channel}:`))),
    sink: (id) => new Map(Object.entries(report.sinks[`${id}.${number}`] ?? {})),
  };
}

/** Each Node-RED line once. */
export const bothLines = [{ version: "5" }, { version: "4.1" }] as const;

interface Surroundings {
  /** Subflows and configuration nodes that cases share. */
  readonly shared?: readonly FlowNode[];
  readonly settings?: Readonly<Record<string, unknown>>;
  /** Where it runs: every supported Node-RED on every supported Node when absent. */
  readonly on?: readonly Pick<NodeRedOptions, "version" | "node">[];
}

/**
 * Runs cases in real Node-REDs, each with overlapping batches: nothing is committed before it is written, nothing is
 * rolled back that need not be, the canvas says what the path promises, and nothing is kept afterwards.
 */
export function describeNodeCases(
  title: string,
  cases: readonly NodeCase[],
  { shared = [], settings = {}, on = supported }: Surroundings = {},
): void {
  for (const { version = "5", node = "24" } of on) {
    describe(`Tracked paths: ${title}, Node-RED ${version} on Node ${node}`, function () {
      this.timeout(60_000);
      let oracle: Oracle;

      before(async function () {
        this.timeout(60_000);
        oracle = await Oracle.start({ version, node, settings, flows: [...shared, ...cases.flatMap(tabOf)] });
      });
      after(async function () {
        this.timeout(60_000);
        await oracle.stop();
      });

      for (const [number, one] of cases.entries()) {
        if (one.only && one.only !== version) continue;
        it(one.name, async function () {
          if (one.timeout) this.timeout(one.timeout);
          const from = oracle.nodeRed.logs.length;
          try {
            await run(oracle, one, number);
          } catch (error) {
            throw new Error(
              `${String(error)}\nNode-RED said:\n${oracle.nodeRed.logs.slice(from).slice(-8).join("\n")}`,
              {
                cause: error,
              },
            );
          }
        });
      }
    });
  }
}

async function run(oracle: Oracle, one: NodeCase, number: number): Promise<void> {
  const { batches = BATCHES, size = SIZE } = one.feed ?? {};
  const channel = `c.${number}`;
  await oracle.shows(channel, one.label ?? / tracked$/);
  await oracle.feed(channel, { batches, size, ...one.feed });
  const report = await oracle.settled(channel, batches, one.timeout ?? 20_000);
  assert.deepEqual(report.channels[channel]?.premature, []);
  assert.deepEqual(report.channels[channel]?.rolledBack, []);
  const fed = batches * size;
  let found = reportOf(report, number, fed);
  if (one.feed?.drops && one.times) {
    // What is settled at hand-over arrives when it will.
    found = await eventually(async () => {
      const now = reportOf(await oracle.report(), number, fed);
      return now.written.size >= fed && now;
    });
  }
  if (one.check) one.check(found);
  if (!one.check || one.times !== undefined) {
    assert.equal(found.written.size, one.times === 0 ? 0 : found.fed);
    for (const [id, times] of found.written) assert.equal(times, one.times ?? 1, `${id} was written ${times} times`);
  }
  await oracle.idle();
  if (one.labelAfterwards) await oracle.shows(channel, one.labelAfterwards);
}

/** For flows that drop events on purpose: a commit does not ask where they are. */
export const dropping = { drops: true };
