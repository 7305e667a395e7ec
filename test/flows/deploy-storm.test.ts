import { strict as assert } from "node:assert";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { eventually } from "../support/eventually.js";
import { fileRoll, inject, memory, netcat, tab } from "../support/flow-nodes.js";
import { node20, noNode20 } from "../support/machine.js";
import { type DeploymentType, type FlowNode, supported, useNodeRed } from "../support/node-red.js";
import { listenerPort } from "../support/ports.js";
import { skip } from "../support/skip.js";
import { tcpClient } from "../support/tcp-client.js";
import { tempDir } from "../support/temp-dir.js";

/** Numbers that look random and are the same in each run. */
function sequence(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 16) % below;
  };
}

/** What a person changes between two deploys. */
interface Settings {
  maxLineLength: number;
  capacity: number;
  batchSize: number;
  throughJunction: boolean;
  unrelated: number;
}

/** Sends lines, a few at a time, each of them once in its life, and notes which were acknowledged. */
class Sender {
  readonly acknowledged: string[] = [];
  connections = 0;
  readonly refusals: string[] = [];
  readonly #name: string;
  readonly #port: number;
  #sent = 0;
  #stopped = false;

  constructor(name: string, port: number) {
    this.#name = name;
    this.#port = port;
  }

  stop(): void {
    this.#stopped = true;
  }

  async run(): Promise<void> {
    while (!this.#stopped) {
      let client: Awaited<ReturnType<typeof tcpClient>>;
      try {
        client = await tcpClient(this.#port);
      } catch (error) {
        this.refusals.push(String(error));
        await new Promise((resolve) => setTimeout(resolve, 50));
        continue;
      }
      this.connections++;
      try {
        while (!this.#stopped) {
          const lines = Array.from({ length: 7 }, () => `${this.#name}-${this.#sent++}`);
          await client.write(`${lines.join("\n")}\n`);
          for (const line of lines) {
            const answer = await client.read();
            if (answer === "OK") this.acknowledged.push(line);
            else this.refusals.push(answer);
          }
        }
      } catch (error) {
        // A changed source closes its connections; nobody knows of the lines that were not answered.
        if (!/closed|EPIPE|ECONNRESET/.test(String(error))) this.refusals.push(String(error));
      }
      client.destroy();
    }
  }
}

const count = (senders: readonly Sender[]) => senders.reduce((sum, { acknowledged }) => sum + acknowledged.length, 0);

// Node-RED is the same to every channel: one that is closed and opened by a deploy is asked once.
const setups = [
  ...supported.map((one) => ({ ...one, channel: "memory" })),
  ...["file", "spillable", "database"].flatMap((channel) =>
    supported.filter(({ version }) => version === "5").map((one) => ({ ...one, channel })),
  ),
];

for (const { version, node, channel } of setups) {
  // The most used combination gets them all; the others run the same code below Node-RED.
  const deploys = version === "5" ? 100 : 25;

  describe(`${deploys} deploys under load, ${channel} channel, Node-RED ${version} on Node ${node}`, () => {
    before(function () {
      if (node === "20" && !node20) skip(this, noNode20);
    });
    let port = 0;
    let directory = "";
    let remove = () => Promise.resolve();
    before(async () => {
      const dir = await tempDir();
      directory = dir.path;
      remove = () => dir.remove();
    });
    const flow = (settings: Settings): FlowNode[] => [
      tab(),
      netcat("source", port, [settings.throughJunction ? "junction" : "channel"], {
        maxLineLength: settings.maxLineLength,
      }),
      { id: "junction", type: "junction", z: "tab", wires: [["channel"]] },
      {
        ...memory("channel", ["sink"], { capacity: settings.capacity, transactionCapacity: 100, keepAlive: 60 }),
        // A spillable one small enough to use its disk, which some of the changes concern and others do not.
        memoryCapacity: 10 + (settings.capacity % 90),
        overflowCapacity: settings.capacity - (settings.capacity % 500) + 500,
        overflowTimeout: 60,
        type: `flume-${channel}-channel`,
      },
      fileRoll("sink", directory, { batchSize: settings.batchSize }),
      tab("other"),
      { ...inject("unrelated", [], String(settings.unrelated)), z: "other" },
    ];
    const settings: Settings = {
      maxLineLength: 512,
      capacity: 1000,
      batchSize: 100,
      throughJunction: false,
      unrelated: 0,
    };
    const nodeRed = useNodeRed(async () => {
      port = await listenerPort();
      return { version, node, flows: flow(settings) };
    });
    after(() => remove());

    it("every acknowledged line arrives exactly once, and no client is refused", async function () {
      this.timeout(300_000);
      const random = sequence(20_260 + deploys);
      await eventually(() => tcpClient(port).then((client) => client.end().then(() => true)));
      const senders = Array.from({ length: 4 }, (_, i) => new Sender(`client${i}`, port));
      const running = senders.map((sender) => sender.run());

      for (let i = 0; i < deploys; i++) {
        const changes = [
          () => (settings.maxLineLength = settings.maxLineLength === 512 ? 600 : 512),
          () => (settings.capacity = 200 + random(2000)),
          () => (settings.batchSize = 1 + random(200)),
          () => (settings.throughJunction = !settings.throughJunction),
          () => settings.unrelated++,
        ];
        // Some deploys change several things, and a full deploy without any change is one too.
        for (let n = random(3); n >= 0; n--) changes[random(changes.length)]?.();
        const type = (["nodes", "flows", "full"] as DeploymentType[])[random(3)] ?? "full";
        const { started } = await nodeRed().deploy(flow(settings), type);
        assert.ok(started);
        // Half of them come upon each other's heels; the others find everything at work again.
        if (random(2) === 0) {
          const before = count(senders);
          await eventually(() => count(senders) > before + 50, { what: `acknowledged lines after deploy ${i}` });
        }
      }

      for (const sender of senders) sender.stop();
      await Promise.all(running);
      assert.deepEqual(
        senders.flatMap(({ refusals }) => refusals),
        [],
      );
      const acknowledged = senders.flatMap((sender) => sender.acknowledged);
      assert.ok(acknowledged.length > deploys * 10, `${acknowledged.length} lines are too few to prove anything`);

      const counts = await eventually(async () => {
        const counts = new Map<string, number>();
        for (const file of await readdir(directory)) {
          for (const line of (await readFile(join(directory, file), "utf8")).split("\n")) {
            if (line) counts.set(line, (counts.get(line) ?? 0) + 1);
          }
        }
        const missing = acknowledged.filter((line) => !counts.has(line));
        if (missing.length > 0) throw new Error(`${missing.length} lines are missing, for instance ${missing[0]}`);
        return counts;
      });
      const twice = [...counts].filter(([, count]) => count > 1);
      assert.deepEqual(twice, []);
      const errors = nodeRed().logs.filter((line) => /\[(error|warn)\].*flume-/.test(line));
      assert.deepEqual(errors, []);
    });
  });
}
