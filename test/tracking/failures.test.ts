import { strict as assert } from "node:assert";
import { setTimeout as sleep } from "node:timers/promises";
import { eventually } from "../support/eventually.js";
import { catchAll, javascript, tab } from "../support/flow-nodes.js";
import { join, route, rule } from "./support/core-nodes.js";
import { core, Oracle, oracleChannel, oracleSink } from "./support/oracle.js";

/** Fails the first time it sees an event, if the condition holds. */
const failsOnce = (condition = "true", how = "throw new Error('once')") =>
  `const seen = context.get('seen') || {}; context.set('seen', seen);
   if (!seen[msg.payload] && (${condition})) { seen[msg.payload] = true; ${how}; }
   return msg;`;
const bad = "/:1:1$/.test(msg.payload)";

for (const version of ["5", "4.1"] as const) {
  describe(`Tracked paths: what fails, Node-RED ${version}`, function () {
    this.timeout(60_000);
    let oracle: Oracle;

    before(async function () {
      this.timeout(60_000);
      oracle = await Oracle.start({ version, flows: [tab()] });
    });
    after(async function () {
      this.timeout(60_000);
      await oracle.stop();
    });

    /** Three batches of three. */
    const run = (id: string) => oracle.pass(id, { batches: 3, size: 3 });

    it("an error that nobody handles: the event comes again, its neighbours do not", async () => {
      await oracle.deployPath("a", [javascript("n", failsOnce(bad), [["s"]])]);
      const { written } = await run("a");
      assert.equal(Object.keys(written).length, 9);
      assert.deepEqual(new Set(Object.values(written)), new Set([1]));
    });

    it("node.done(error), an error with a message, and a handler that throws", async () => {
      for (const [id, how] of [
        ["b1", "node.done(new Error('x')); return null"],
        ["b2", "node.error('x', msg); return null"],
        ["b3", "setTimeout(() => { throw new Error('in a timer') }, 1); return null"],
      ] as const) {
        await oracle.deployPath(id, [javascript("n", failsOnce(bad, how), [["s"]])]);
        const { written } = await run(id);
        assert.equal(Object.keys(written).length, 9, how);
      }
    });

    it("a property that a Switch cannot read", async () => {
      await oracle.deployPath("c", [route([rule("nempty")], { property: "$error('x')", propertyType: "jsonata" })], {
        refused: "drop",
        attemptsBeforeSplit: 1,
      });
      await oracle.feed("c", { batches: 1, size: 2, drops: true });
      const report = await oracle.settled("c", 1);
      assert.deepEqual(report.written, {});
      await eventually(() => oracle.nodeRed.logs.some((line) => /switch could not handle/.test(line)));
      await oracle.idle();
    });

    it("behind interceptors that got messages: the event comes again, its neighbours do not", async () => {
      await oracle.deployPath("ic", [
        javascript("n", "return msg;", [["i"]]),
        core("flume-interceptors", "i", [["f"]], { rules: [{ type: "static", key: "a", value: "b" }] }),
        javascript("f", failsOnce(bad), [["s"]]),
      ]);
      const { written } = await run("ic");
      assert.equal(Object.keys(written).length, 9);
      assert.deepEqual(new Set(Object.values(written)), new Set([1]));
    });

    it("a sink that refuses rolls back", async () => {
      await oracle.deployPath("d", [
        javascript("n", failsOnce(bad, "return { ...msg, payload: 'refuse ' + msg.payload }"), [["s"]]),
      ]);
      const { written } = await run("d");
      assert.equal(Object.keys(written).length, 9);
    });

    it("a channel that got messages hands its events over again, and forgets them", async () => {
      await oracle.deployPath("ch", [
        javascript("n", "return msg;", [["b"]]),
        core("flume-memory-channel", "b", [["f"]], { capacity: 1000, transactionCapacity: 100 }),
        javascript("f", failsOnce(bad), [["s"]]),
      ]);
      // The channel in between takes them over.
      await oracle.feed("ch", { batches: 3, size: 3, drops: true });
      await oracle.settled("ch", 3);
      await eventually(async () => {
        const metrics = await oracle.nodeRed.adminGet<Record<string, Record<string, string>>>("/headrace/metrics");
        assert.equal(metrics["CHANNEL.b"]?.["EventTakeSuccessCount"], "9");
        assert.equal(metrics["CHANNEL.b"]["ChannelSize"], "0");
        return true;
      });
      assert.deepEqual(Object.values((await oracle.report()).written), new Array(9).fill(1));
      await oracle.idle();
    });

    it("a Catch path that ends in a sink counts as handled", async () => {
      await oracle.deployPath("e", [
        javascript("n", `if (${bad}) throw new Error('always'); return msg;`, [["s"]]),
        catchAll("k", ["f"]),
        javascript("f", "return { payload: 'dead ' + msg.payload };", [["x"]]),
        oracleSink("x"),
      ]);
      const { sinks } = await run("e");
      assert.deepEqual(Object.keys(sinks["x"] ?? {}), ["e:1:1"]);
      assert.equal(Object.keys(sinks["s"] ?? {}).length, 8);
    });

    it("two messages of one event that fail at once, on a Catch path that makes new messages: both handled", async () => {
      await oracle.deployPath("tw", [
        javascript("n", "return [[msg, { payload: msg.payload }]];", [["b"]]),
        javascript("b", `if (${bad}) throw new Error('always'); node.send(msg);`, [["s"]]),
        catchAll("k", ["f"]),
        javascript("f", "await new Promise((r) => setTimeout(r, 10)); return { payload: 'dead ' + msg.payload };", [
          ["x"],
        ]),
        oracleSink("x"),
      ]);
      const { sinks, channels } = await run("tw");
      assert.deepEqual(channels["tw"]?.rolledBack, []);
      assert.deepEqual(sinks["x"], { "tw:1:1": 2 });
      assert.equal(Object.keys(sinks["s"] ?? {}).length, 8);
    });

    it("a Catch path that ends in a Debug node does not", async () => {
      await oracle.deployPath("f", [
        javascript("n", failsOnce(bad), [["s"]]),
        catchAll("k", ["x"]),
        core("debug", "x", [], { active: false }),
      ]);
      const { written } = await run("f");
      assert.equal(Object.keys(written).length, 9);
    });

    it("an event that fails for ever leaves by the dead-letter port, and its neighbours go through", async () => {
      await oracle.deployPath(
        "g",
        [javascript("n", `if (${bad}) throw new Error('poison'); return msg;`, [["s"]]), oracleSink("x")],
        { refused: "port", attemptsBeforeSplit: 2, wires: [["n"], ["x"]] },
      );
      const { sinks } = await run("g");
      assert.deepEqual(sinks["x"], { "g:1:1": 1 });
      assert.equal(Object.keys(sinks["s"] ?? {}).length, 8);
      assert.deepEqual(new Set(Object.values(sinks["s"] ?? {})), new Set([1]));
    });

    it("a dead letter carries the last error, and comes after as many attempts", async () => {
      await oracle.deployPath(
        "dl",
        [
          javascript(
            "n",
            `if (!${bad}) return msg;
             const attempt = (context.get('attempt') || 0) + 1; context.set('attempt', attempt);
             throw new Error('attempt ' + attempt);`,
            [["s"]],
          ),
          javascript("x", "node.log('dead ' + msg.payload + ' ' + JSON.stringify(msg.flume.headers)); return null;", [
            [],
          ]),
        ],
        { refused: "port", attemptsBeforeSplit: 3, wires: [["n"], ["x"]] },
      );
      const from = oracle.nodeRed.logs.length;
      await oracle.feed("dl", { batches: 3, size: 3, drops: true });
      await oracle.settled("dl", 3);
      const line = await oracle.nodeRed.waitForLog(/dead dl:1:1 .*attempt \d+/, { from });
      // Three as a part of its batch, and at least one alone.
      const last = Number(/attempt (\d+)/.exec(line)?.[1]);
      assert.ok(last >= 4 && last <= 6, line);
      const thrown = oracle.nodeRed.logs.slice(from).flatMap((one) => /Error: attempt (\d+)/.exec(one)?.[1] ?? []);
      assert.equal(Math.max(...thrown.map(Number)), last);
      assert.equal(Object.keys((await oracle.report()).written).length, 8);
    });

    it("drops an event that fails for ever, if that is the choice, counts it, and lets its neighbours through", async () => {
      await oracle.deployPath("o", [javascript("n", `if (${bad}) throw new Error('poison'); return msg;`, [["s"]])], {
        refused: "drop",
        attemptsBeforeSplit: 2,
      });
      await oracle.feed("o", { batches: 3, size: 3, drops: true });
      const { written } = await oracle.settled("o", 3);
      assert.equal(Object.keys(written).length, 8);
      assert.deepEqual(new Set(Object.values(written)), new Set([1]));
      const metrics = await oracle.nodeRed.adminGet<Record<string, Record<string, string>>>("/headrace/metrics");
      assert.equal(metrics["CHANNEL.o"]?.["EventDropCount"], "1");
      await oracle.idle();
    });

    it("the bad event is found in what a flow has merged", async () => {
      await oracle.deployPath(
        "h",
        [
          // Sends without any trace of what it was sent for, while several are under way.
          javascript("n", "await new Promise((r) => setTimeout(r, 20)); return { payload: msg.payload };", [["m"]]),
          join({ count: "3", timeout: "0.1" }, "m", ["f"]),
          javascript("f", "if (msg.payload.some((one) => /:1:1$/.test(one))) throw new Error('poison'); return msg;", [
            ["s"],
          ]),
          oracleSink("x"),
        ],
        { refused: "port", attemptsBeforeSplit: 1, wires: [["n"], ["x"]] },
      );
      const { sinks } = await run("h");
      assert.deepEqual(sinks["x"], { "h:1:1": 1 });
      assert.equal(Object.keys(sinks["s"] ?? {}).length, 8);
    });

    it("blocks with an event that fails for ever, if that is the choice, and lets its neighbours through", async () => {
      await oracle.deployPath("i", [javascript("n", `if (${bad}) throw new Error('poison'); return msg;`, [["s"]])], {
        attemptsBeforeSplit: 1,
      });
      await oracle.feed("i", { batches: 3, size: 3 });
      await eventually(async () => Object.keys((await oracle.report()).written).length === 8);
      await sleep(1500);
      const { channels, written } = await oracle.report();
      assert.deepEqual(new Set(channels["i"]?.committed), new Set([0, 2]));
      assert.deepEqual(new Set(Object.values(written)), new Set([1]));
      await oracle.nodeRed.comms.waitForStatus("i", ({ fill }) => fill === "red");
      // A flow that can handle it lets it go on.
      await oracle.nodeRed.deploy([
        tab(),
        oracleChannel("i", ["n"]),
        javascript("n", "return msg;", [["s"]]),
        oracleSink("s"),
      ]);
      await oracle.settled("i", 3);
      await oracle.idle();
    });

    it("runs into the time limit where a node never completes, names it, and labels the path", async () => {
      const swallow =
        "if (!context.get('seen')) { context.set('seen', true); if (false) node.done(); } else { node.send(msg); node.done(); }";
      await oracle.deployPath("j", [javascript("n", swallow, [["s"]], { name: "black hole" })], { settleWithin: 1 });
      const { written } = await run("j");
      assert.equal(Object.keys(written).length, 9);
      await eventually(() => oracle.nodeRed.logs.some((line) => /did not arrive within 1 s.*black hole/.test(line)));
    });

    it("a part that fails while a Join keeps the others: at the time limit the event says what was wrong with the part", async () => {
      await oracle.deployPath(
        "pj",
        [
          core("split", "n", [["p"]], { splt: "-", spltType: "str", stream: false, property: "payload" }),
          javascript("p", failsOnce("msg.payload === 'x'"), [["j"]]),
          join({ mode: "auto" }, "j"),
        ],
        { settleWithin: 1 },
      );
      const from = oracle.nodeRed.logs.length;
      await oracle.pass("pj", { batches: 1, size: 1, text: "{id}-x" });
      await oracle.nodeRed.waitForLog(/test-oracle-channel:pj.*function could not handle.*once/, { from });
    });

    it("a late send is counted, warned of once, and labels the path", async () => {
      await oracle.deployPath("l", [
        javascript(
          "n",
          "const t = setInterval(() => { clearInterval(t); node.send(msg) }, 50); return null;",
          [["s"]],
          {
            name: "too late",
          },
        ),
      ]);
      await oracle.feed("l", { batches: 3, size: 3, drops: true });
      await oracle.settled("l", 3);
      await oracle.shows("l", /best effort: too late \(9 late\)$/);
      const metrics = await oracle.nodeRed.adminGet<Record<string, Record<string, string>>>("/headrace/metrics");
      assert.equal(metrics["CHANNEL.l"]?.["LateSendCount"], "9");
      const warnings = oracle.nodeRed.logs.filter((line) => line.includes("too late") && /done with/.test(line));
      assert.equal(warnings.length, 1);
    });

    it("what a node sends for an event after it has told an error of it is no late send: the event comes again", async () => {
      const how = "node.error('once', msg); await new Promise((r) => setTimeout(r, 50));";
      await oracle.deployPath("le", [javascript("n", failsOnce("true", how), [["s"]])]);
      const { channels, written } = await run("le");
      assert.ok((channels["le"]?.committed.length ?? 0) > 0);
      assert.equal(Object.keys(written).length, 9);
      const metrics = await oracle.nodeRed.adminGet<Record<string, Record<string, string>>>("/headrace/metrics");
      assert.equal(metrics["CHANNEL.le"]?.["LateSendCount"], "0");
      await oracle.shows("le", / tracked$/);
    });

    it("keeps nothing after 20,000 events that were given up", async function () {
      this.timeout(120_000);
      await oracle.deployPath(
        "m",
        [
          javascript("n", "node.send([[msg, msg]]); if (false) node.done();", [["w"]]),
          core("delay", "w", [["s"]], { pauseType: "delay", timeout: "1", timeoutUnits: "hours", outputs: 1 }),
        ],
        {
          settleWithin: 3,
          eventsInFlight: 20_000,
          refused: "drop",
          attemptsBeforeSplit: 1000,
        },
      );
      await oracle.feed("m", { batches: 200, size: 100, drops: true });
      await eventually(async () => (await oracle.report()).kept > 10_000, { within: 30_000 });
      await eventually(() => oracle.nodeRed.logs.some((line) => /did not arrive within 3 s.*delay/.test(line)), {
        within: 30_000,
      });
      // The channel would give them again.
      await oracle.nodeRed.deploy([tab()]);
      await oracle.idle(30_000);
      const { installed } = await oracle.report();
      assert.equal(installed, false);
    });
  });
}
