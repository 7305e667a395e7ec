import { strict as assert } from "node:assert";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { eventually } from "../../support/eventually.js";
import { root } from "../../support/machine.js";
import { type FlowNode, NodeRed, type NodeRedOptions } from "../../support/node-red.js";
import { tab } from "../../support/flow-nodes.js";
import { tempDir } from "../../support/temp-dir.js";

export interface Feed {
  readonly batches: number;
  readonly size: number;
  /** The flow drops events on purpose, so a commit does not ask where they are. */
  readonly drops?: boolean;
  /** The body of an event: `{id}` and `{i}` (its place in the batch) are filled in. */
  readonly text?: string;
  /** How often each event must have been written at each sink when it is committed; once anywhere when absent. */
  readonly expected?: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

/** What another module's hooks do to messages. */
export type Misbehaviour = "none" | "delay" | "drop" | "throw" | "watch" | "throwBeforeSwitch";

export interface OracleReport {
  readonly channels: Readonly<
    Record<
      string,
      {
        readonly committed: readonly number[];
        readonly premature: readonly string[];
        readonly rolledBack: readonly number[];
        readonly waiting: number;
      }
    >
  >;
  /** How often each event was written, by its id. */
  readonly written: Readonly<Record<string, number>>;
  readonly sinks: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** Records and deliveries that tracking keeps. */
  readonly kept: number;
  /** How often another module's hooks were called. */
  readonly hooked: number;
  /** Events under way at the beginning of each deploy. */
  readonly caught: readonly number[];
  /** Whether the hooks are there. */
  readonly installed: boolean;
  /** Hooks of the message path that anybody has registered. */
  readonly hooks: readonly string[];
}

type Settings = Readonly<Record<string, unknown>>;

export const oracleChannel = (id: string, to: string[], settings: Settings = {}): FlowNode => ({
  id,
  type: "test-oracle-channel",
  z: "tab",
  eventsInFlight: 4000,
  wires: [to],
  ...settings,
});

export const oracleSink = (id: string, settings: Settings = {}): FlowNode => ({
  id,
  type: "test-oracle-sink",
  z: "tab",
  wires: [],
  ...settings,
});

/** Any node of Node-RED, wired as given. */
export const core = (type: string, id: string, wires: string[][], settings: Settings = {}): FlowNode => ({
  id,
  type,
  z: "tab",
  name: "",
  wires,
  ...settings,
});

/** Node-RED with the oracle's nodes, and what a test asks of them. */
export class Oracle {
  readonly nodeRed: NodeRed;
  readonly #remove: () => Promise<void>;

  private constructor(nodeRed: NodeRed, remove: () => Promise<void>) {
    this.nodeRed = nodeRed;
    this.#remove = remove;
  }

  /** `without`: rules of tracking that are taken out. */
  static async start(options: NodeRedOptions & { without?: string } = {}): Promise<Oracle> {
    const { without = "", ...rest } = options;
    const dir = await tempDir();
    const nodes = { "oracle-nodes": "oracle-nodes.js" };
    await writeFile(
      dir.file("package.json"),
      JSON.stringify({ name: "oracle", version: "1.0.0", "node-red": { nodes } }),
    );
    const file = join(__dirname, "oracle-nodes.js");
    await writeFile(dir.file("oracle-nodes.js"), `module.exports = require(${JSON.stringify(file)}).default;\n`);
    const nodeRed = await NodeRed.start({
      ...rest,
      settings: { nodesDir: [root, dir.path], fileWorkingDirectory: dir.path, ...rest.settings },
      env: { HEADRACE_TEST_WITHOUT: without, ...rest.env },
    });
    return new Oracle(nodeRed, () => dir.remove());
  }

  async stop(): Promise<void> {
    await this.nodeRed.stop();
    await this.#remove();
  }

  /** Deploys the path from a channel with this id by the node `n` to the sink `s`, and forgets what was before. */
  async deployPath(channel: string, nodes: readonly FlowNode[], settings: Settings = {}): Promise<void> {
    await this.nodeRed.deploy([tab(), oracleChannel(channel, ["n"], settings), ...nodes, oracleSink("s")]);
    await this.forget();
  }

  /** Feeds a channel, and waits until all has come to its end. */
  async pass(channel: string, feed: Feed, within?: number): Promise<OracleReport> {
    await this.feed(channel, feed);
    return await this.ended(channel, feed.batches, within);
  }

  /** Waits until a channel has committed as many batches, nothing of them too early, and nothing is kept of them. */
  async ended(channel: string, batches: number, within?: number): Promise<OracleReport> {
    const report = await this.settled(channel, batches, within);
    await this.idle();
    assert.deepEqual(report.channels[channel]?.premature, []);
    return report;
  }

  async feed(channel: string, feed: Feed): Promise<void> {
    await this.nodeRed.adminPost("/oracle/feed", { channel, ...feed });
  }

  async misbehave(misbehaviour: Misbehaviour): Promise<void> {
    await this.nodeRed.adminPost("/oracle/hooks", { misbehaviour });
  }

  /** What hooks that only watch have seen, without order: hook, nodes, and the message as JSON. */
  async seen(): Promise<readonly string[]> {
    return (await this.nodeRed.adminGet<string[]>("/oracle/seen")).toSorted();
  }

  /** Own properties of every node and flow object, to compare what they are with what they were. */
  async shapes(): Promise<Readonly<Record<string, unknown>>> {
    return await this.nodeRed.adminGet("/oracle/shapes");
  }

  async report(): Promise<OracleReport> {
    return await this.nodeRed.adminGet<OracleReport>("/oracle");
  }

  async forget(): Promise<void> {
    await this.nodeRed.adminPost("/oracle/forget");
  }

  /** Waits until a channel has committed as many batches. */
  async settled(channel: string, batches: number, within = 20_000): Promise<OracleReport> {
    return await eventually(
      async () => {
        const report = await this.report();
        const committed = new Set(report.channels[channel]?.committed).size;
        if (committed < batches) throw new Error(`${channel} has committed ${committed} of ${batches}`);
        return report;
      },
      { within, every: 30, what: `commit of ${batches} batches` },
    );
  }

  /** Waits until the canvas says so under a node. */
  async shows(node: string, text: RegExp): Promise<void> {
    await this.nodeRed.comms.waitForStatus(node, (status) => text.test(status.text ?? ""));
  }

  /** Waits until tracking keeps nothing. */
  async idle(within = 5000): Promise<void> {
    await eventually(
      async () => {
        const { kept } = await this.report();
        if (kept > 0) throw new Error(`${kept} records or deliveries are kept`);
        return true;
      },
      { within, what: "end of everything under way" },
    );
  }
}
