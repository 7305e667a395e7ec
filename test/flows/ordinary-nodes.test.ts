import { strict as assert } from "node:assert";
import { setTimeout as sleep } from "node:timers/promises";
import {
  catchAll,
  complete,
  debug,
  inject,
  javascript,
  logger,
  memory,
  netcat,
  seq,
  tab,
} from "../support/flow-nodes.js";
import { eventually } from "../support/eventually.js";
import type { FlowNode } from "../support/node-red.js";
import { listenerPort } from "../support/ports.js";
import {
  bodiesAt,
  clientOf,
  collector,
  counter,
  setMode,
  stateOf,
  testSink,
  useNodeRedWithTestNodes,
} from "../support/test-palette.js";

/** Turns what a Catch node gives into one text. */
const errorAsText = (id: string, to: string[]): FlowNode =>
  javascript(id, "return { payload: `${msg.error.source.id}: ${msg.error.message}` };", [to]);

describe("ordinary nodes and Flume nodes on one canvas", () => {
  const nodeRed = useNodeRedWithTestNodes();

  it("a Debug node on a wire shows one message per event, and of a flood 50 a second and how many more", async () => {
    const port = await listenerPort();
    await nodeRed().deploy([
      tab(),
      netcat("t-source", port, ["t-channel", "t-tap"]),
      memory("t-channel", ["t-sink"]),
      testSink("t-sink"),
      debug("t-tap"),
    ]);
    const { comms } = nodeRed();
    const client = await clientOf(port);
    const shown = () => comms.debug.filter(({ id }) => id === "t-tap").map(({ msg }) => String(msg));
    for (const line of ["one", "two", "three"]) await client.ask(line);
    await eventually(() => shown().length === 3);
    assert.deepEqual(shown(), ["one", "two", "three"]);
    // The second in which these three were shown is over when the flood begins, though a busy machine notices it late.
    await sleep(3000);
    const lines = Array.from({ length: 1000 }, (_, i) => `flood ${i}`);
    await client.write(`${lines.join("\n")}\n`);
    await bodiesAt(nodeRed(), "t-sink", 1003);
    const samples = () => shown().filter((text) => !/^… \d+ more$/.test(text));
    const leftOut = () => shown().flatMap((text) => Number(/^… (\d+) more$/.exec(text)?.[1] ?? []));
    await eventually(() => samples().length + leftOut().reduce((sum, count) => sum + count, 0) === 1003);
    assert.deepEqual(samples().slice(3, 53), lines.slice(0, 50));
    // A machine that is busy may need more than the one second for them.
    assert.ok(leftOut().length > 0 && samples().length <= 3 + 50 * (leftOut().length + 1), shown().slice(53).join());
    await client.end();
  });

  it("a message enters a channel as an event, and its done() tells that it is committed", async () => {
    await nodeRed().deploy([
      tab(),
      inject("c-inject", ["c-headers"], "from inject"),
      javascript("c-headers", 'msg.flume = { headers: { colour: "blue", count: 7 } }; return msg;', [["c-channel"]]),
      memory("c-channel", ["c-back"]),
      javascript("c-back", 'return { payload: msg.payload + " " + JSON.stringify(msg.flume.headers) };', [
        ["c-events"],
      ]),
      collector("c-events"),
      complete("c-complete", ["c-channel"], ["c-completed"]),
      collector("c-completed"),
    ]);
    await nodeRed().inject("c-inject");
    assert.deepEqual(await bodiesAt(nodeRed(), "c-events", 1), ['from inject {"colour":"blue","count":"7"}']);
    assert.deepEqual(await bodiesAt(nodeRed(), "c-completed", 1), ["from inject"]);
  });

  it("done() of a message into a channel waits for room, and into a sink for the write", async () => {
    await nodeRed().deploy([
      tab(),
      inject("w-inject", ["w-channel"], "event"),
      memory("w-channel", ["w-held"], { capacity: 1, transactionCapacity: 1, keepAlive: 60 }),
      testSink("w-held"),
      complete("w-complete", ["w-channel"], ["w-completed"]),
      collector("w-completed"),
    ]);
    await setMode(nodeRed(), "w-held", "held");
    await nodeRed().inject("w-inject");
    await bodiesAt(nodeRed(), "w-completed", 1);
    await nodeRed().inject("w-inject");
    await eventually(async () => (await counter(nodeRed(), "CHANNEL.w-channel", "EventPutAttemptCount")) === 2);
    assert.equal((await stateOf(nodeRed(), "w-completed")).bodies.length, 1);
    await setMode(nodeRed(), "w-held", "open");
    await bodiesAt(nodeRed(), "w-completed", 2);
    await bodiesAt(nodeRed(), "w-held", 2);
  });

  it("a message straight into a sink is written and completed", async () => {
    await nodeRed().deploy([
      tab(),
      inject("s-inject", ["s-logger"], "straight into the sink"),
      logger("s-logger", { maxBytesToLog: 32 }),
      complete("s-complete", ["s-logger"], ["s-completed"]),
      collector("s-completed"),
    ]);
    await nodeRed().inject("s-inject");
    await nodeRed().waitForLog(/Event: \{ headers:\{\} body: .* straight into/);
    await bodiesAt(nodeRed(), "s-completed", 1);
  });

  it("objects enter as JSON; what cannot be an event goes to Catch with code and next step", async () => {
    await nodeRed().deploy([
      tab(),
      inject("j-inject", ["j-function"], ""),
      javascript("j-function", "return [[{ payload: { a: [1, null] } }, { payload: undefined }, { payload: true }]];", [
        ["j-channel"],
      ]),
      memory("j-channel", ["j-sink"]),
      testSink("j-sink"),
      catchAll("j-catch", ["j-text"]),
      errorAsText("j-text", ["j-errors"]),
      collector("j-errors"),
    ]);
    await nodeRed().inject("j-inject");
    assert.deepEqual(await bodiesAt(nodeRed(), "j-sink", 2), ['{"a":[1,null]}', "true"]);
    assert.deepEqual(await bodiesAt(nodeRed(), "j-errors", 1), [
      "j-channel: Error: msg.payload cannot become an event: it is undefined. Send a text, a Buffer, or a value that JSON can " +
        "hold, and texts only in msg.flume.headers. [FLUME_MESSAGE_NOT_AN_EVENT]",
    ]);
  });

  it("messages that find no room within the keep-alive go to Catch, each with the message it was", async () => {
    await nodeRed().deploy([
      tab(),
      inject("f-inject", ["f-function"], ""),
      javascript("f-function", 'return [["1", "2", "3", "4"].map((payload) => ({ payload }))];', [["f-channel"]]),
      memory("f-channel", ["f-held"], { capacity: 2, transactionCapacity: 2, keepAlive: 0 }),
      testSink("f-held"),
      catchAll("f-catch", ["f-errors", "f-text"]),
      collector("f-errors"),
      errorAsText("f-text", ["f-texts"]),
      collector("f-texts"),
    ]);
    await setMode(nodeRed(), "f-held", "held");
    await nodeRed().inject("f-inject");
    assert.deepEqual(await bodiesAt(nodeRed(), "f-errors", 2), ["3", "4"]);
    const [text] = await bodiesAt(nodeRed(), "f-texts", 2);
    assert.match(
      text ?? "",
      /^f-channel: Error: Space for commit .* The channel held 2 events for 0 s\. .*\[FLUME_CHANNEL_FULL\]$/,
    );
    await setMode(nodeRed(), "f-held", "open");
    assert.deepEqual(await bodiesAt(nodeRed(), "f-held", 2), ["1", "2"]);
  });

  it("errors of a component go to Catch with a code and a next step", async () => {
    await nodeRed().deploy([
      tab(),
      netcat("e-source", nodeRed().port, ["e-channel"]),
      memory("e-channel", ["e-sink"]),
      testSink("e-sink"),
      catchAll("e-catch", ["e-text", "e-flume"]),
      errorAsText("e-text", ["e-errors"]),
      javascript("e-flume", 'return { payload: msg.error.code + ": " + msg.flume.next };', [["e-codes"]]),
      collector("e-errors"),
      collector("e-codes"),
    ]);
    const next = "Stop the other program or choose another port. It is tried again every 3 s.";
    assert.deepEqual(await bodiesAt(nodeRed(), "e-errors", 1), [
      `e-source: Port ${nodeRed().port} on 127.0.0.1 is in use by another program. ${next} [FLUME_PORT_IN_USE]`,
    ]);
    assert.deepEqual(await bodiesAt(nodeRed(), "e-codes", 1), [`FLUME_PORT_IN_USE: ${next}`]);
  });

  it("a link call is an ordinary node on both sides", async () => {
    await nodeRed().deploy([
      tab(),
      seq("k-source", ["k-call"], { totalEvents: 3 }),
      {
        id: "k-call",
        type: "link call",
        z: "tab",
        links: ["k-in"],
        linkType: "static",
        timeout: "5",
        wires: [["k-channel"]],
      },
      { id: "k-in", type: "link in", z: "tab", links: [], wires: [["k-function"]] },
      javascript("k-function", 'msg.payload = "called " + msg.payload; return msg;', [["k-return"]]),
      { id: "k-return", type: "link out", z: "tab", mode: "return", links: [], wires: [] },
      memory("k-channel", ["k-sink"]),
      testSink("k-sink"),
    ]);
    assert.deepEqual([...(await bodiesAt(nodeRed(), "k-sink", 3))].sort(), ["called 0", "called 1", "called 2"]);
  });

  it("an Inject node that fires at the start reaches a channel that is only just starting", async () => {
    const flow = (name: string): FlowNode[] => [
      tab(),
      // Before who sends: Node-RED makes nodes in this order, and has no target for what is sent earlier.
      // A file channel opens its files first, which takes a while.
      { ...memory("o-channel", ["o-sink"]), type: "flume-file-channel", minimumRequiredSpace: 1_048_576 },
      testSink("o-sink"),
      { ...inject("o-inject", ["o-channel"], "at the start"), once: true, onceDelay: 0 },
      javascript("o-early", "", [["o-channel"]], { name, initialize: 'node.send({ payload: "from On Start" });' }),
      catchAll("o-catch", ["o-text"]),
      errorAsText("o-text", ["o-errors"]),
      collector("o-errors"),
    ];
    await nodeRed().deploy(flow("first"));
    await bodiesAt(nodeRed(), "o-sink", 2);
    await nodeRed().deploy(flow("second"), "full");
    const bodies = await bodiesAt(nodeRed(), "o-sink", 4);
    assert.deepEqual([...bodies].sort(), ["at the start", "at the start", "from On Start", "from On Start"]);
    assert.deepEqual((await stateOf(nodeRed(), "o-errors")).bodies, []);
  });

  it("says on the canvas what a wire to an ordinary node promises", async () => {
    await nodeRed().deploy([
      tab(),
      seq("b-source", ["b-function"], { totalEvents: 1 }),
      javascript("b-function", ""),
      seq("c-source", ["c-trigger"], { totalEvents: 1 }),
      { id: "c-trigger", type: "trigger", z: "tab", name: "later", op1: "1", op2: "0", duration: "1", wires: [[]] },
      seq("d-source", ["d-function"], { totalEvents: 1, tracking: "handOver" }),
      javascript("d-function", ""),
    ]);
    const { comms } = nodeRed();
    await comms.waitForStatus("b-source", ({ text }) => /^\d+\/s · tracked$/.test(text ?? ""));
    await comms.waitForStatus("c-source", ({ text }) => /^\d+\/s · best effort: later$/.test(text ?? ""));
    await comms.waitForStatus("d-source", ({ text }) => /^\d+\/s · best effort$/.test(text ?? ""));
  });
});
