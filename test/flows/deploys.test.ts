import { strict as assert } from "node:assert";
import { setTimeout as sleep } from "node:timers/promises";
import { eventually } from "../support/eventually.js";
import { comment, logger, memory, netcat, tab } from "../support/flow-nodes.js";
import type { DeploymentType, FlowNode } from "../support/node-red.js";
import { listenerPort } from "../support/ports.js";
import { type TcpClient, tcpClient } from "../support/tcp-client.js";
import {
  assertSameLines,
  bodiesAt,
  clientOf,
  collector,
  counter,
  setMode,
  slowToClose,
  stateOf,
  testSink,
  useNodeRedWithTestNodes,
} from "../support/test-palette.js";

const TYPES: DeploymentType[] = ["nodes", "flows", "full"];
const UNKNOWN: FlowNode = { id: "unknown", type: "no-such-type", z: "tab", x: 1, y: 1, wires: [] };

/** Sends numbers, a thousand lines at a time, for as long as it may; each of them must be acknowledged. */
class LineSender {
  readonly #lines: string[] = [];
  readonly #sending: Promise<void>;
  #stopped = false;

  constructor(client: TcpClient) {
    this.#sending = this.#send(client);
    // Looked at in the end.
    this.#sending.catch(() => undefined);
  }

  /** Does something while lines are sent, some before it and some after it. */
  async during(action: () => Promise<unknown>): Promise<void> {
    await this.#next(1000);
    await action();
    await this.#next(3000);
  }

  /** Everything that was sent, in order. */
  async stop(): Promise<readonly string[]> {
    this.#stopped = true;
    await this.#sending;
    return this.#lines;
  }

  async #next(count: number): Promise<void> {
    const { length } = this.#lines;
    await Promise.race([eventually(() => this.#lines.length > length + count), this.#sending]);
  }

  async #send(client: TcpClient): Promise<void> {
    while (!this.#stopped) {
      const chunk = Array.from({ length: 1000 }, (_, i) => String(this.#lines.length + i));
      this.#lines.push(...chunk);
      await client.write(`${chunk.join("\n")}\n`);
      for (const line of chunk) assert.equal(await client.read(), "OK", line);
    }
  }
}

describe("deploys", function () {
  // Each wait has a limit of its own; one test has many of them.
  this.timeout(180_000);
  const nodeRed = useNodeRedWithTestNodes({
    settings: { runtimeState: { enabled: true, ui: true }, headrace: { drainSeconds: 1 } },
  });
  let port = 0;
  let id = "";
  let count = 0;

  beforeEach(async () => {
    port = await listenerPort();
    id = `d${++count}`;
  });

  const flow = (changes: { source?: object; channel?: object; extra?: FlowNode[] } = {}): FlowNode[] => [
    tab(),
    netcat(`${id}-source`, port, [`${id}-channel`], { ...changes.source }),
    memory(`${id}-channel`, [`${id}-sink`], { ...changes.channel }),
    testSink(`${id}-sink`),
    ...(changes.extra ?? []),
  ];
  const size = () => counter(nodeRed(), `CHANNEL.${id}-channel`, "ChannelSize");
  const stopFlows = () => nodeRed().adminPost("/flows/state", { state: "stop" });
  /** Waits for its "Started flows", which the next deploy would take for its own. */
  const startFlows = async () => {
    const from = nodeRed().logs.length;
    await nodeRed().adminPost("/flows/state", { state: "start" });
    await nodeRed().waitForLog(/Started flows/, { from });
  };

  it("of every type leave connections open when the source is not changed", async () => {
    await nodeRed().deploy(flow());
    const client = await clientOf(port);
    for (const type of TYPES) {
      assert.equal(await client.ask(`before ${type}`), "OK");
      await nodeRed().deploy(flow({ extra: [comment(`${id}-comment`, type)] }), type);
      assert.equal(await client.ask(`after ${type}`), "OK");
    }
    const lines = TYPES.flatMap((type) => [`before ${type}`, `after ${type}`]);
    assert.deepEqual(await bodiesAt(nodeRed(), `${id}-sink`, 6), lines);
    await client.end();
  });

  for (const type of TYPES) {
    it(`of type ${type} that cannot start lose nothing; the next one goes on`, async () => {
      await nodeRed().deploy(flow());
      await setMode(nodeRed(), `${id}-sink`, "held");
      const client = await clientOf(port);
      for (let i = 0; i < 50; i++) assert.equal(await client.ask(`${i}`), "OK");
      const { started } = await nodeRed().deploy(flow({ extra: [UNKNOWN] }), type);
      assert.equal(started, false);
      await setMode(nodeRed(), `${id}-sink`, "open");
      if (type === "nodes") {
        // What the deploy does not touch goes on working.
        assert.equal(await client.ask("meanwhile"), "OK");
        await bodiesAt(nodeRed(), `${id}-sink`, 51);
      }
      await nodeRed().deploy(flow(), type);
      const after = await clientOf(port);
      assert.equal(await after.ask("after"), "OK");
      await eventually(async () => (await size()) === 0);
      const { bodies } = await stateOf(nodeRed(), `${id}-sink`);
      const lines = [...Array(50).keys()].map(String);
      assert.deepEqual([...new Set(bodies)], [...lines, ...(type === "nodes" ? ["meanwhile"] : []), "after"]);
      client.destroy();
      await after.end();
    });
  }

  it("stop and start of the flows keep events, counters and order", async () => {
    await nodeRed().deploy(flow());
    await setMode(nodeRed(), `${id}-sink`, "refusing");
    const client = await clientOf(port);
    for (let i = 0; i < 20; i++) assert.equal(await client.ask(`${i}`), "OK");
    const from = nodeRed().logs.length;
    await stopFlows();
    await nodeRed().waitForLog(
      /20 events in this channel could not be delivered within 1 s.*FLUME_CHANNEL_NOT_DRAINED/,
      {
        from,
      },
    );
    await client.closed();
    await setMode(nodeRed(), `${id}-sink`, "open");
    await startFlows();
    const after = await clientOf(port);
    assert.equal(await after.ask("after"), "OK");
    const lines = [...[...Array(20).keys()].map(String), "after"];
    assert.deepEqual(await bodiesAt(nodeRed(), `${id}-sink`, 21), lines);
    // What the sink has taken is committed thereafter.
    await eventually(async () => (await size()) === 0);
    const put = await counter(nodeRed(), `CHANNEL.${id}-channel`, "EventPutSuccessCount");
    const taken = await counter(nodeRed(), `CHANNEL.${id}-channel`, "EventTakeSuccessCount");
    assert.deepEqual([put, taken], [21, 21]);
    await after.end();
  });

  it("a channel that is removed while the flows are stopped is not kept, and its loss is told", async () => {
    await nodeRed().deploy(flow());
    await setMode(nodeRed(), `${id}-sink`, "refusing");
    const client = await clientOf(port);
    for (let i = 0; i < 3; i++) await client.ask(`${i}`);
    await stopFlows();
    await client.closed();
    const from = nodeRed().logs.length;
    await eventually(async () => (await nodeRed().adminGet<{ state: string }>("/flows/state")).state === "stop");
    await nodeRed().adminPost("/flows", [tab()], { "Node-RED-Deployment-Type": "full" });
    await startFlows();
    await nodeRed().waitForLog(
      new RegExp(`The channel ${id}-channel was removed from the flow while it held 3 events`),
      { from },
    );
  });

  it("a new port: lines on their way are answered, the old port closes, the new one opens", async () => {
    const old = port;
    await nodeRed().deploy(flow());
    const client = await clientOf(port);
    assert.equal(await client.ask("one"), "OK");
    port = await listenerPort();
    await nodeRed().deploy(flow(), "nodes");
    await client.closed();
    const second = await clientOf(port);
    assert.equal(await second.ask("two"), "OK");
    await eventually(() =>
      tcpClient(old).then(
        (late) => (late.destroy(), false),
        () => true,
      ),
    );
    assert.deepEqual(await bodiesAt(nodeRed(), `${id}-sink`, 2), ["one", "two"]);
    await second.end();
  });

  it("a changed source answers the lines that came while it was being replaced, and closes then", async () => {
    const changed = (name: string, maxLineLength: number) =>
      flow({ source: { maxLineLength }, extra: [slowToClose(`${id}-slow`, 4000, { name })] });
    await nodeRed().deploy(changed("before", 512));
    const client = await clientOf(port);
    assert.equal(await client.ask("before"), "OK");
    const from = nodeRed().logs.length;
    const deployed = nodeRed().deploy(changed("after", 100), "nodes");
    await nodeRed().waitForLog(/Stopping modified nodes/, { from });
    await client.write("1\n2\n3\n");
    await deployed;
    await client.closed();
    assert.deepEqual(client.received, ["OK", "OK", "OK", "OK"]);
    assert.deepEqual(await bodiesAt(nodeRed(), `${id}-sink`, 4), ["before", "1", "2", "3"]);
  });

  it("ports move between sources and to a new source, and no client is refused", async () => {
    const [port1, port2] = [port, await listenerPort()];
    const two = (a: number, b: number, second = `${id}-b`, bind = "127.0.0.1"): FlowNode[] => [
      tab(),
      netcat(`${id}-a`, a, [`${id}-sink-a`], { bind }),
      netcat(second, b, [`${id}-sink-b`]),
      testSink(`${id}-sink-a`),
      testSink(`${id}-sink-b`),
    ];
    await nodeRed().deploy(two(port1, port2));
    for (const one of [port1, port2]) await (await clientOf(one)).end();
    const from = nodeRed().logs.length;
    const ask = async (to: number, line: string) => {
      const client = await tcpClient(to);
      assert.equal(await client.ask(line), "OK");
      await client.end();
    };
    await nodeRed().deploy(two(port2, port1), "nodes");
    await ask(port1, "swapped to b");
    await ask(port2, "swapped to a");
    await nodeRed().deploy(two(port2, port1, `${id}-c`), "nodes");
    await ask(port1, "taken over by c");
    await nodeRed().deploy(two(port2, port1, `${id}-c`, "0.0.0.0"), "nodes");
    // The system does not let two addresses of a port overlap, so there is a moment between them.
    await eventually(() => ask(port2, "on all addresses").then(() => true));
    assert.deepEqual(await bodiesAt(nodeRed(), `${id}-sink-a`, 2), ["swapped to a", "on all addresses"]);
    assert.deepEqual(await bodiesAt(nodeRed(), `${id}-sink-b`, 2), ["swapped to b", "taken over by c"]);
    const complaints = nodeRed()
      .logs.slice(from)
      .filter((line) => /\[(warn|error)\]/.test(line));
    assert.deepEqual(complaints, []);
  });

  it("a client that reads no replies does not hold a changed source up", async () => {
    await nodeRed().deploy(flow());
    const client = await clientOf(port);
    client.socket.pause();
    // More replies than the buffers of the system hold.
    const lines = Buffer.from("x\n".repeat(32 * 1024));
    let sent = 0;
    client.socket.on("error", () => undefined);
    const send = () => {
      if (sent++ < 300) client.socket.write(lines, send);
    };
    send();
    const received = () => counter(nodeRed(), `SOURCE.${id}-source`, "EventReceivedCount");
    let last = -1;
    await eventually(
      async () => {
        const now = await received();
        const stands = now === last && now > 0;
        last = now;
        return stands;
      },
      { every: 200 },
    );
    await nodeRed().deploy(flow({ source: { maxLineLength: 100 } }), "nodes");
    // The old one waits for its client before the new one starts: a connection may come to the end of its patience first.
    await eventually(async () => {
      const after = await tcpClient(port);
      assert.equal(await after.ask("after"), "OK");
      await after.end();
      return true;
    });
    client.destroy();
  });

  it("a channel made smaller or larger keeps its events; a smaller one takes no more until they have left", async () => {
    await nodeRed().deploy(flow({ channel: { capacity: 200, keepAlive: 0 } }));
    await setMode(nodeRed(), `${id}-sink`, "held");
    const client = await clientOf(port);
    for (let i = 0; i < 150; i++) assert.equal(await client.ask(`${i}`), "OK");
    await nodeRed().deploy(flow({ channel: { capacity: 100, keepAlive: 0 } }), "nodes");
    await nodeRed().comms.waitForStatus(
      `${id}-channel`,
      ({ fill, text }) => fill === "red" && text === "150 % · lost on crash",
    );
    assert.match(await client.ask("too many"), /^FAILED: Space for commit/);
    await nodeRed().deploy(flow({ channel: { capacity: 1000, keepAlive: 0 } }), "nodes");
    assert.equal(await client.ask("room again"), "OK");
    await setMode(nodeRed(), `${id}-sink`, "open");
    await eventually(async () => (await size()) === 0);
    const { bodies } = await stateOf(nodeRed(), `${id}-sink`);
    assert.deepEqual([...new Set(bodies)], [...[...Array(150).keys()].map(String), "room again"]);
    await client.end();
  });

  it("a changed sink while a delivery is in flight: the batch is written by the old one or the new one", async () => {
    const withLogger = (maxBytesToLog: number): FlowNode[] => [
      ...flow().slice(0, 2),
      memory(`${id}-channel`, [`${id}-logger`]),
      logger(`${id}-logger`, { maxBytesToLog }),
    ];
    await nodeRed().deploy(withLogger(16));
    const from = nodeRed().logs.length;
    const client = await clientOf(port);
    const sender = new LineSender(client);
    for (let i = 0; i < 10; i++) await sender.during(() => nodeRed().deploy(withLogger(17 + i), TYPES[i % 3]));
    const lines = await sender.stop();
    const logged = () =>
      nodeRed()
        .logs.slice(from)
        .flatMap((line) => / (\d+) \}$/.exec(line)?.[1] ?? []);
    await eventually(() => logged().length >= lines.length);
    assertSameLines(logged(), lines);
    await client.end();
  });

  it("a deploy that takes long is no part of the keep-alive: who waits for room goes on waiting", async () => {
    const slow = (name: string) =>
      flow({
        channel: { capacity: 1, transactionCapacity: 1, keepAlive: 6 },
        extra: [slowToClose(`${id}-slow`, 13_000, { name })],
      });
    await nodeRed().deploy(slow("before"));
    await setMode(nodeRed(), `${id}-sink`, "held");
    const client = await clientOf(port);
    assert.equal(await client.ask("first"), "OK");
    await client.send("waits");
    await eventually(async () => (await counter(nodeRed(), `CHANNEL.${id}-channel`, "EventPutAttemptCount")) === 2);
    const from = nodeRed().logs.length;
    const deployed = nodeRed().deploy(slow("after"), "nodes");
    await nodeRed().waitForLog(/Stopping modified nodes/, { from });
    await sleep(7000);
    await setMode(nodeRed(), `${id}-sink`, "open");
    await deployed;
    assert.equal(await client.read(), "OK");
    await eventually(async () => (await size()) === 0);
    assert.deepEqual([...new Set((await stateOf(nodeRed(), `${id}-sink`)).bodies)], ["first", "waits"]);
    await client.end();
  });

  it("a line that comes during a deploy goes by the new wires", async () => {
    const moved = (to: string, name: string): FlowNode[] => [
      tab(),
      netcat(`${id}-source`, port, [`${id}-${to}`]),
      ...(to === "old" ? [memory(`${id}-old`, [`${id}-sink-old`])] : []),
      memory(`${id}-new`, [`${id}-sink-new`]),
      testSink(`${id}-sink-old`),
      testSink(`${id}-sink-new`),
      slowToClose(`${id}-slow`, 4000, { name }),
    ];
    await nodeRed().deploy(moved("old", "before"));
    const client = await clientOf(port);
    assert.equal(await client.ask("before"), "OK");
    const from = nodeRed().logs.length;
    const deployed = nodeRed().deploy(moved("new", "after"), "nodes");
    await nodeRed().waitForLog(/Stopping modified nodes/, { from });
    assert.equal(await client.ask("during"), "OK");
    await deployed;
    assert.deepEqual(await bodiesAt(nodeRed(), `${id}-sink-new`, 1), ["during"]);
    assert.deepEqual((await stateOf(nodeRed(), `${id}-sink-old`)).bodies, ["before"]);
    await client.end();
  });

  for (const tracking of ["tracked", "handOver"])
    it(`deploys in the middle of a fan-out (${tracking}): each target has every event exactly once, and in order`, async () => {
      const fan = (name: string): FlowNode[] => [
        tab(),
        netcat(`${id}-source`, port, [`${id}-channel`, `${id}-ordinary`, `${id}-other`], { tracking }),
        memory(`${id}-channel`, [`${id}-sink`], { capacity: 10_000, transactionCapacity: 1000 }),
        memory(`${id}-other`, [`${id}-sink-other`], { capacity: 10_000, transactionCapacity: 1000 }),
        collector(`${id}-ordinary`),
        testSink(`${id}-sink`),
        testSink(`${id}-sink-other`),
        // Long enough for a batch of a thousand, which an ordinary node gets a hundred at a time, to be cut by it.
        slowToClose(`${id}-slow`, 200, { name }),
      ];
      await nodeRed().deploy(fan("0"));
      const client = await clientOf(port);
      const sender = new LineSender(client);
      for (let i = 1; i <= 8; i++) await sender.during(() => nodeRed().deploy(fan(String(i)), TYPES[i % 3]));
      const lines = await sender.stop();
      for (const target of ["sink", "sink-other", "ordinary"]) {
        const bodies = await bodiesAt(nodeRed(), `${id}-${target}`, lines.length);
        assertSameLines(bodies, lines, target);
      }
      await client.end();
    });
});
