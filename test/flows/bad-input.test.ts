import { strict as assert } from "node:assert";
import { mkdir, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { nodeProperties } from "../../lib/engine/common-properties.js";
import type { Declaration } from "../../lib/engine/component.js";
import { isShown } from "../../lib/engine/properties.js";
import { eventually } from "../support/eventually.js";
import { catchAll, fileRoll, javascript, memory, netcat, nullSink, stress, tab } from "../support/flow-nodes.js";
import { root } from "../support/machine.js";
import type { FlowNode } from "../support/node-red.js";
import { listenerPort } from "../support/ports.js";
import { tempDir } from "../support/temp-dir.js";
import {
  bodiesAt,
  clientOf,
  collector,
  counter,
  stateOf,
  testSink,
  useNodeRedWithTestNodes,
} from "../support/test-palette.js";

interface Case {
  readonly what: string;
  /** The node that is to complain: red, and by an error with this code. */
  readonly node: string;
  readonly code: string;
  readonly bad: (port: number) => FlowNode[];
  readonly good: (port: number) => FlowNode[];
  /** Why it is no red status: it is said in yellow. */
  readonly status?: RegExp;
}

const interceptors = (id: string, to: string[], rules: object[], settings: Record<string, unknown> = {}): FlowNode => ({
  id,
  type: "flume-interceptors",
  z: "tab",
  name: "",
  rules,
  wires: [to],
  ...settings,
});

const spillable = (id: string, to: string[], settings: Record<string, unknown>): FlowNode => ({
  ...memory(id, to, { minimumRequiredSpace: 1_048_576, ...settings }),
  type: "flume-spillable-channel",
});

const ending = (id: string, capacity: Record<string, unknown> = {}): FlowNode[] => [
  memory(`${id}-channel`, [`${id}-sink`], capacity),
  testSink(`${id}-sink`),
];

const cases: readonly Case[] = [
  {
    what: "a port out of range",
    node: "range-source",
    code: "FLUME_CONFIG_OUT_OF_RANGE",
    bad: () => [netcat("range-source", 70_000, ["range-channel"]), ...ending("range")],
    good: (port) => [netcat("range-source", port, ["range-channel"]), ...ending("range")],
  },
  {
    what: "a capacity below the transaction capacity",
    node: "below-channel",
    code: "FLUME_CONFIG_ABOVE",
    bad: (port) => [netcat("below-source", port, ["below-channel"]), ...ending("below", { capacity: 10 })],
    good: (port) => [netcat("below-source", port, ["below-channel"]), ...ending("below")],
  },
  {
    what: "a spillable channel with room nowhere",
    node: "roomless-channel",
    code: "FLUME_CONFIG_NO_ROOM",
    bad: (port) => [
      netcat("roomless-source", port, ["roomless-channel"]),
      spillable("roomless-channel", ["roomless-sink"], { memoryCapacity: 0, overflowCapacity: 0 }),
      testSink("roomless-sink"),
    ],
    good: (port) => [
      netcat("roomless-source", port, ["roomless-channel"]),
      spillable("roomless-channel", ["roomless-sink"], { memoryCapacity: 0, overflowCapacity: 1000 }),
      testSink("roomless-sink"),
    ],
  },
  {
    what: "a batch larger than the transaction capacity",
    node: "batch-source",
    code: "FLUME_BATCH_SIZE_ABOVE_TRANSACTION",
    bad: (port) => [
      stress("batch-source", ["batch-channel"], { batchSize: 1000, maxTotalEvents: 1000 }),
      netcat("batch-lines", port, ["batch-channel"]),
      ...ending("batch"),
    ],
    good: (port) => [
      stress("batch-source", ["batch-channel"], { batchSize: 100, maxTotalEvents: 1000 }),
      netcat("batch-lines", port, ["batch-channel"]),
      ...ending("batch"),
    ],
  },
  {
    what: "a regular expression that does not compile",
    node: "regex-interceptors",
    code: "FLUME_CONFIG_REGEX",
    bad: (port) => [
      netcat("regex-source", port, ["regex-interceptors"]),
      interceptors("regex-interceptors", ["regex-channel"], [{ type: "regex_filter", regex: "(unclosed" }]),
      ...ending("regex"),
    ],
    good: (port) => [
      netcat("regex-source", port, ["regex-interceptors"]),
      interceptors("regex-interceptors", ["regex-channel"], [{ type: "regex_filter", regex: "." }]),
      ...ending("regex"),
    ],
  },
  {
    what: "an unknown character set",
    node: "charset-source",
    code: "FLUME_CONFIG_CHARSET",
    bad: (port) => [netcat("charset-source", port, ["charset-channel"], { encoding: "klingon" }), ...ending("charset")],
    good: (port) => [netcat("charset-source", port, ["charset-channel"], { encoding: "gbk" }), ...ending("charset")],
  },
  {
    what: "a source wired to nothing",
    node: "alone-source",
    code: "FLUME_NO_TARGET",
    bad: (port) => [netcat("alone-source", port, []), ...ending("alone")],
    good: (port) => [netcat("alone-source", port, ["alone-channel"]), ...ending("alone")],
    status: /no target/,
  },
  {
    what: "a circle of wires",
    node: "circle-channel",
    code: "FLUME_CYCLE",
    bad: (port) => [
      netcat("circle-source", port, ["circle-channel"]),
      memory("circle-channel", ["circle-again", "circle-sink"]),
      memory("circle-again", ["circle-channel"]),
      testSink("circle-sink"),
    ],
    good: (port) => [
      netcat("circle-source", port, ["circle-channel"]),
      memory("circle-channel", ["circle-again", "circle-sink"]),
      memory("circle-again", []),
      testSink("circle-sink"),
    ],
  },
];

describe("bad input", () => {
  const nodeRed = useNodeRedWithTestNodes();

  /** Beside each bad flow: it is to run on, whatever the other does. */
  const healthy = (port: number): FlowNode[] => [netcat("ok-source", port, ["ok-channel"]), ...ending("ok")];
  const watching: FlowNode[] = [
    catchAll("catch", ["as-text"]),
    javascript("as-text", "return { payload: `${msg.error.source.id} ${msg.error.message}` };", [["errors"]]),
    collector("errors"),
  ];
  let healthyPort = 0;
  let healthyLines = 0;
  before(async () => {
    healthyPort = await listenerPort();
  });

  const complaintOf = (node: string, code: string) =>
    eventually(
      async () =>
        (await stateOf(nodeRed(), "errors")).bodies.find(
          (text) => text.startsWith(`${node} `) && text.includes(`[${code}]`),
        ),
      { what: `${code} of ${node}` },
    );

  const runsOn = async () => {
    const client = await clientOf(healthyPort);
    assert.equal(await client.ask(`healthy ${healthyLines++}`), "OK");
    await client.end();
    await bodiesAt(nodeRed(), "ok-sink", healthyLines);
  };

  for (const { what, node, code, bad, good, status = /check settings|error|circle/ } of cases) {
    it(`${what}: an error with ${code} and a next step, red; the rest runs on; corrected, it runs`, async () => {
      const port = await listenerPort();
      const rest = [tab(), ...healthy(healthyPort), ...watching];
      await nodeRed().deploy([...rest, ...bad(port)]);
      const complaint = await complaintOf(node, code);
      // Message, next step, code.
      assert.match(complaint, /^\S+ .+\. .+\. \[FLUME_\w+\]$/);
      await nodeRed().comms.waitForStatus(node, ({ fill, text }) => fill === "red" && status.test(text ?? ""));
      await runsOn();
      await nodeRed().deploy([...rest, ...good(port)], "nodes");
      const client = await clientOf(port);
      assert.equal(await client.ask("corrected"), "OK");
      const sink = good(port).at(-1)?.id ?? "";
      await eventually(async () => (await stateOf(nodeRed(), sink)).bodies.includes("corrected"));
      await nodeRed().comms.waitForStatus(node, ({ fill }) => fill === "green" || node === "circle-again");
      await client.end();
      await runsOn();
    });
  }

  it("nonsense in all properties of a node at once: each of them is told with its value, and nobody else stops", async () => {
    const { findComponents } = (await import(join(root, "scripts", "build", "components.mjs"))) as {
      findComponents(dist: string): { declaration: Declaration }[];
    };
    const all = findComponents(join(root, "dist")).map(({ declaration }) => declaration);
    // Without a Catch node, which would keep errors out of the log.
    await nodeRed().deploy([tab(), ...healthy(healthyPort)]);
    const { pid } = nodeRed();
    for (const declaration of all.filter(({ role }) => role !== "config")) {
      const properties = nodeProperties(declaration);
      const values = Object.fromEntries(Object.keys(properties).map((name) => [name, { not: "this" }]));
      const from = nodeRed().logs.length;
      const id = `nonsense-${declaration.type}`;
      await nodeRed().deploy(
        [tab(), ...healthy(healthyPort), { id, type: declaration.type, z: "tab", wires: [[]], ...values }],
        "nodes",
      );
      for (const [name, property] of Object.entries(properties)) {
        if (!isShown(property, properties, values) || property.kind === "secret") continue;
        const line = await nodeRed().waitForLog(
          new RegExp(`${declaration.type}:${id}\\] ${property.flumeKey ?? name} .*\\{"not":"this"\\}`),
          { from },
        );
        assert.match(line, /\. .+\. \[FLUME_CONFIG_\w+\]$/);
      }
      await nodeRed().comms.waitForStatus(id, ({ fill, text }) => fill === "red" && text === "check settings");
    }
    await runsOn();
    assert.equal(nodeRed().pid, pid);
  }).timeout(60_000);

  it("what is shown of a setting is short, and one line of the log", async () => {
    const from = nodeRed().logs.length;
    const encoding = `klingon\nfaked line\u0000${"x".repeat(100_000)}`;
    await nodeRed().deploy([tab(), netcat("endless-source", 1, [], { encoding })]);
    const line = await nodeRed().waitForLog(/endless-source\] encoding/, { from });
    assert.match(line, /klingon\\nfaked line\\u0000x+…/);
    assert.match(line, /\[FLUME_CONFIG_CHARSET\]$/);
    assert.ok(line.length < 1000, `${line.length}`);
  });

  it("a channel with events in it: wrong settings stop it, nothing is lost, the former settings make it run again", async () => {
    const port = await listenerPort();
    const flow = (capacity: Record<string, unknown>): FlowNode[] => [
      tab(),
      netcat("kept-source", port, ["kept-channel"]),
      memory("kept-channel", ["kept-sink"], capacity),
      testSink("kept-sink"),
      ...watching,
    ];
    await nodeRed().deploy(flow({}).filter(({ id }) => id !== "kept-sink"));
    const client = await clientOf(port);
    assert.equal(await client.ask("before"), "OK");
    await nodeRed().deploy(flow({ capacity: 1 }), "nodes");
    await complaintOf("kept-channel", "FLUME_CONFIG_ABOVE");
    await nodeRed().comms.waitForStatus("kept-channel", ({ fill }) => fill === "red");
    await nodeRed().deploy(flow({}), "nodes");
    await nodeRed().comms.waitForStatus("kept-channel", ({ fill }) => fill === "green");
    assert.deepEqual(await bodiesAt(nodeRed(), "kept-sink", 1), ["before"]);
    client.destroy();
  });

  it("a folder that is taken away from a sink: the sink says so, and not the channel alone, until it is there again", async () => {
    const port = await listenerPort();
    const folder = await tempDir();
    await nodeRed().deploy([
      tab(),
      ...watching,
      netcat("folder-source", port, ["folder-channel"]),
      memory("folder-channel", ["folder-sink", "folder-other"]),
      fileRoll("folder-sink", folder.path, { rollInterval: 1 }),
      nullSink("folder-other"),
    ]);
    const client = await clientOf(port);
    // The sink has started and has no file open: the next line needs a new one.
    assert.equal(await client.ask("while it is there"), "OK");
    await eventually(async () => (await counter(nodeRed(), "SINK.folder-sink", "ConnectionClosedCount")) === 1);
    await folder.remove();
    assert.equal(await client.ask("a line"), "OK");
    await nodeRed().comms.waitForStatus("folder-sink", ({ fill, text }) => fill === "red" && text === "write failed");
    await nodeRed().comms.waitForStatus("folder-channel", ({ fill }) => fill === "red");
    await nodeRed().comms.waitForStatus("folder-other", ({ fill }) => fill === "green");
    await mkdir(folder.path);
    for (const node of ["folder-sink", "folder-channel"]) {
      await nodeRed().comms.waitForStatus(node, ({ fill }) => fill === "green");
    }
    await client.end();
    await rm(folder.path, { recursive: true });
  });

  it("a port that another program has: tried again until it is free", async () => {
    const port = await listenerPort();
    const other = createServer().listen(port, "127.0.0.1");
    const flow = [
      tab(),
      ...healthy(healthyPort),
      ...watching,
      netcat("taken-source", port, ["taken-channel"]),
      ...ending("taken"),
    ];
    await nodeRed().deploy(flow);
    await complaintOf("taken-source", "FLUME_PORT_IN_USE");
    await nodeRed().comms.waitForStatus("taken-source", ({ fill }) => fill === "red");
    await runsOn();
    await new Promise((resolve) => other.close(resolve));
    await nodeRed().comms.waitForStatus("taken-source", ({ fill }) => fill === "green");
    const client = await clientOf(port);
    assert.equal(await client.ask("free now"), "OK");
    await client.end();
  });

  it("a port that another netcat node has: one of them runs, the other says so", async () => {
    const port = await listenerPort();
    const flow = (second: number): FlowNode[] => [
      tab(),
      ...watching,
      netcat("twin-a", port, ["twin-channel"]),
      netcat("twin-b", second, ["twin-channel"]),
      ...ending("twin"),
    ];
    await nodeRed().deploy(flow(port));
    await complaintOf("twin-b", "FLUME_PORT_IN_USE");
    await nodeRed().comms.waitForStatus("twin-b", ({ fill }) => fill === "red");
    const client = await clientOf(port);
    assert.equal(await client.ask("one of them"), "OK");
    await nodeRed().deploy(flow(await listenerPort()), "nodes");
    await nodeRed().comms.waitForStatus("twin-b", ({ fill }) => fill === "green");
    assert.equal(await client.ask("still the same connection"), "OK");
    await client.end();
  });

  it("a regular expression that never ends: the event that it hangs on is named, the process stays alive", async () => {
    const port = await listenerPort();
    const rule = { type: "regex_filter", regex: "^(a+)+$" };
    const flow = (refused: string): FlowNode[] => [
      tab(),
      ...healthy(healthyPort),
      ...watching,
      netcat("slow-source", port, ["slow-interceptors"]),
      interceptors("slow-interceptors", ["slow-channel"], [rule], { refused }),
      memory("slow-channel", ["slow-sink"]),
      nullSink("slow-sink"),
    ];
    await nodeRed().deploy(flow("block"));
    const client = await clientOf(port);
    assert.equal(await client.ask("aaa"), "OK");
    await client.send(`${"a".repeat(60)}!`);
    assert.match(await client.read(), /^FAILED: The pattern .* did not end within \d+ ms on one event\./);
    await runsOn();
    await nodeRed().deploy(flow("drop"), "nodes");
    const after = await clientOf(port);
    assert.equal(await after.ask(`${"a".repeat(60)}!`), "OK");
    assert.equal(await after.ask("aaaa"), "OK");
    await eventually(async () => (await counter(nodeRed(), "SINK.slow-sink", "EventDrainSuccessCount")) === 2);
    client.destroy();
    await after.end();
  });
});
