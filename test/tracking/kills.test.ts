import { strict as assert } from "node:assert";
import { mkdir, readdir, readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { eventually } from "../support/eventually.js";
import { fileRoll, javascript, netcat, tab } from "../support/flow-nodes.js";
import { type FlowNode, NodeRed } from "../support/node-red.js";
import { freePort } from "../support/ports.js";
import { tcpClient } from "../support/tcp-client.js";
import { type TempDir, tempDir } from "../support/temp-dir.js";
import { core } from "./support/oracle.js";

/** HEADRACE_KILLS=100 for the long run. */
const KILLS = Number(process.env["HEADRACE_KILLS"] ?? 6);
const LINES = 2000;

const fileChannel = (id: string, to: string, dir: TempDir): FlowNode =>
  core("flume-file-channel", id, [[to]], {
    checkpointDir: dir.file(id, "checkpoint"),
    dataDirs: dir.file(id, "data"),
    minimumRequiredSpace: 1_048_576,
  });

describe("Tracked paths: killed at any moment", function () {
  this.timeout(90_000 + KILLS * 12_000);
  let dir: TempDir;
  before(async () => {
    dir = await tempDir();
  });
  after(async () => {
    await dir.remove();
  });

  const flow = (port: number): FlowNode[] => [
    tab(),
    netcat("source", port, ["a"]),
    fileChannel("a", "work", dir),
    javascript(
      "work",
      "await new Promise((r) => setTimeout(r, Math.random() * 10)); return { payload: msg.payload };",
      [["route"]],
    ),
    core("switch", "route", [["b"], ["b"]], {
      property: "payload",
      propertyType: "msg",
      rules: [{ t: "regex", v: "[02468]$", vt: "str", case: false }, { t: "else" }],
      checkall: "true",
      repair: false,
      outputs: 2,
    }),
    fileChannel("b", "sink", dir),
    fileRoll("sink", dir.file("out")),
  ];

  async function written(): Promise<Map<string, number>> {
    const counts = new Map<string, number>();
    for (const name of await readdir(dir.file("out"))) {
      for (const line of (await readFile(dir.file("out", name), "utf8")).split("\n").filter(Boolean)) {
        counts.set(line, (counts.get(line) ?? 0) + 1);
      }
    }
    return counts;
  }

  it(`loses no acknowledged event in ${KILLS} kills`, async () => {
    for (const folder of ["out", "user"]) await mkdir(dir.file(folder));
    const acknowledged = new Set<string>();
    for (let kill = 0; kill <= KILLS; kill++) {
      const version = kill % 2 === 0 ? "5" : "4.1";
      const port = await freePort();
      const nodeRed = await NodeRed.start({ version, flows: flow(port), userDir: dir.file("user") });
      if (kill === KILLS) {
        // Undisturbed at last: all that was acknowledged arrives.
        await eventually(
          async () => {
            const found = await written();
            const missing = [...acknowledged].filter((line) => !found.has(line));
            if (missing.length > 0) throw new Error(`${missing.length} are missing, the first is ${missing[0]}`);
            return true;
          },
          { within: 60_000, every: 200, what: `arrival of ${acknowledged.size} acknowledged events` },
        );
        await nodeRed.stop();
        break;
      }
      const client = await eventually(() => tcpClient(port));
      const lines = Array.from({ length: LINES }, (_, i) => `kill ${kill} line ${i}`);
      // What the kill cuts off has not been acknowledged.
      client.write(lines.map((line) => `${line}\n`).join("")).catch(() => undefined);
      // Half of the kills on each Node-RED come after answers: on a busy machine the others come before any.
      if (kill % 4 < 2) await eventually(() => client.received.length >= LINES / 10);
      await sleep(5 + Math.random() * 150);
      await nodeRed.kill();
      await client.closed();
      // OK comes line by line, in order.
      const answers = client.received.filter((line) => line === "OK").length;
      for (const line of lines.slice(0, answers)) acknowledged.add(line);
    }
    assert.ok(
      acknowledged.size > KILLS * 50,
      `only ${acknowledged.size} were acknowledged: the test proves too little`,
    );
    const duplicates = [...(await written()).values()].reduce((sum, count) => sum + count - 1, 0);
    console.log(`      ${acknowledged.size} acknowledged, ${duplicates} came twice`);
  });

  it("stopping the process gives up what is under way, in time, and the channel keeps it", async () => {
    const lines = Array.from({ length: 300 }, (_, i) => `stop line ${i}`);
    const port = await freePort();
    const first = await NodeRed.start({ flows: flow(port), userDir: dir.file("user") });
    const client = await eventually(() => tcpClient(port));
    await client.write(lines.map((line) => `${line}\n`).join(""));
    await eventually(() => client.received.length === lines.length);
    const { milliseconds } = await first.stop();
    assert.ok(milliseconds < 10_000, `it took ${milliseconds} ms`);
    const second = await NodeRed.start({ flows: flow(port), userDir: dir.file("user") });
    await eventually(
      async () => {
        const found = await written();
        const missing = lines.filter((line) => !found.has(line));
        if (missing.length > 0) throw new Error(`${missing.length} are missing, the first is ${missing[0]}`);
        return true;
      },
      { within: 30_000, every: 100, what: "arrival of all" },
    );
    await second.stop();
  });
});
