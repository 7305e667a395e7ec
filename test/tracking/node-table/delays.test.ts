import { strict as assert } from "node:assert";
import { delay, javascript, trigger } from "../support/core-nodes.js";
import { describeNodeCases, dropping, type NodeCase } from "../support/node-cases.js";
import { core, oracleSink } from "../support/oracle.js";

/** Each event under a topic of its own, so that a queue by topic replaces none. */
const ownTopic = javascript("msg.topic = msg.payload; return msg;", [["d"]]);
const cases: readonly NodeCase[] = [
  { name: "delay, fixed", nodes: [delay({})] },
  { name: "delay, random", nodes: [delay({ pauseType: "random" })] },
  {
    name: "delay, by msg.delay",
    nodes: [javascript("msg.delay = Math.random() * 10; return msg;", [["d"]]), delay({ pauseType: "delayv" }, "d")],
  },
  { name: "delay, rate, the others queue", nodes: [delay({ pauseType: "rate", rate: "500" })] },
  {
    name: "delay, rate, the others are dropped: exactly one passes, and all are done with",
    nodes: [delay({ pauseType: "rate", rate: "1", rateUnits: "hour", drop: true })],
    feed: dropping,
    check: ({ written }) => assert.deepEqual([...written.values()], [1]),
  },
  {
    name: "delay, rate, the others go to the second output: one and all the rest",
    nodes: [
      delay({ pauseType: "rate", rate: "1", rateUnits: "hour", drop: true, outputs: 2, wires: [["s"], ["s2"]] }),
      oracleSink("s2"),
    ],
    check: ({ sink, fed }) => {
      assert.equal(sink("s").size, 1);
      assert.equal(sink("s2").size, fed - 1);
    },
    times: 1,
  },
  {
    name: "delay, burst: ten pass, the others go to the second output",
    nodes: [
      delay({ pauseType: "burst", rate: "10", rateUnits: "hour", outputs: 2, wires: [["s"], ["s2"]] }),
      oracleSink("s2"),
    ],
    check: ({ sink, fed }) => {
      assert.equal(sink("s").size, 10);
      assert.equal(sink("s2").size, fed - 10);
    },
    times: 1,
    only: "5",
  },
  {
    name: "delay, queue by topic: each topic is kept",
    nodes: [ownTopic, delay({ pauseType: "queue", rate: "500" }, "d")],
  },
  {
    name: "delay, queue, one topic: who is replaced leaves by the second output",
    nodes: [delay({ pauseType: "queue", rate: "20", outputs: 2, wires: [["s"], ["s2"]] }), oracleSink("s2")],
    check: ({ sink, fed }) => {
      assert.ok(sink("s").size >= 1);
      assert.equal(sink("s").size + sink("s2").size, fed);
    },
    times: 1,
  },
  {
    name: "delay, queue, one topic: who is replaced is dropped, and done with",
    nodes: [delay({ pauseType: "queue", rate: "1", rateUnits: "second", nbRateUnits: "2" })],
    feed: dropping,
    // The last of all is there when the interval is over; more only where feeding them takes longer than that.
    check: ({ written, fed }) => assert.ok(written.size >= 1 && written.size < fed / 4, `${written.size} passed`),
  },
  {
    name: "delay, all topics at intervals: each topic is kept",
    nodes: [ownTopic, delay({ pauseType: "timed", rate: "20" }, "d")],
  },
  {
    name: "delay, all topics at intervals, one topic: who is replaced leaves by the second output",
    nodes: [delay({ pauseType: "timed", rate: "20", outputs: 2, wires: [["s"], ["s2"]] }), oracleSink("s2")],
    check: ({ sink, fed }) => {
      assert.ok(sink("s").size >= 1);
      assert.equal(sink("s").size + sink("s2").size, fed);
    },
    times: 1,
  },
  {
    name: "delay that is flushed by a message of another flow",
    nodes: [
      delay({ timeout: "1", timeoutUnits: "hours" }),
      core("inject", "i", [["n"]], {
        props: [{ p: "flush", v: "true", vt: "bool" }],
        repeat: "0.2",
        once: false,
      }),
    ],
  },
  {
    name: "delay that is reset by a message of another flow: what it drops is done with",
    nodes: [
      delay({ timeout: "1", timeoutUnits: "hours" }),
      core("inject", "i", [["n"]], {
        props: [{ p: "reset", v: "true", vt: "bool" }],
        repeat: "0.2",
        once: false,
      }),
    ],
    feed: dropping,
    times: 0,
  },
  {
    name: "trigger: best effort, said so before anything runs",
    nodes: [trigger({})],
    feed: dropping,
    label: /best effort: trigger$/,
    check: ({ written }) => assert.ok(written.size >= 1),
  },
  {
    name: "trigger with one message only",
    nodes: [trigger({ op2type: "nul", bytopic: "topic", topic: "payload" })],
    label: /best effort: trigger$/,
  },
];

describeNodeCases("nodes that wait", cases);
