import { strict as assert } from "node:assert";
import { batch, delay, javascript, join, split } from "../support/core-nodes.js";
import { bothLines, describeNodeCases, type NodeCase } from "../support/node-cases.js";
import { core, oracleSink } from "../support/oracle.js";

const threeParts = { text: "{id}-x-y" };
const sort = (id: string, settings: Readonly<Record<string, unknown>> = {}) =>
  core("sort", id, [["s"]], {
    order: "ascending",
    as_num: false,
    target: "",
    targetType: "seq",
    msgKey: "payload",
    msgKeyType: "elem",
    seqKey: "payload",
    seqKeyType: "msg",
    ...settings,
  });

const cases: readonly NodeCase[] = [
  { name: "split", nodes: [split()], feed: threeParts },
  { name: "split and join", nodes: [split("n", ["j"]), join({ mode: "auto" }, "j")], feed: threeParts },
  {
    name: "split of arrays and objects, joined again",
    nodes: [
      javascript("return { payload: { a: msg.payload, b: [1, 2, 3] } };", [["p"]]),
      split("p", ["j"]),
      join({ mode: "auto" }, "j"),
    ],
  },
  { name: "join, count", nodes: [join({ count: "3" })] },
  { name: "join, count over several batches", nodes: [join({ count: "5" })] },
  { name: "join, timeout", nodes: [join({ count: "7", timeout: "0.05" })] },
  {
    name: "join, incomplete group without a timeout: the time limit gives it again, and then it fills up",
    nodes: [join({ count: "4" })],
    feed: { batches: 2 },
    channel: { settleWithin: 1 },
    // Six events: two wait until the time is over, and come again.
    check: ({ written }) =>
      assert.deepEqual(
        [...written.values()].toSorted((a, b) => a - b),
        [1, 1, 1, 1, 2, 2],
      ),
  },
  {
    name: "join to an object by key, and to text",
    nodes: [
      javascript("msg.topic = msg.payload; return msg;", [["j"]]),
      join({ build: "object", count: "4" }, "j", ["f"]),
      javascript("return { payload: Object.values(msg.payload).join(' ') };", [["j2"]], "f"),
      join({ build: "string", count: "2" }, "j2"),
    ],
  },
  {
    name: "join, msg.complete",
    nodes: [javascript("if (/:2$/.test(msg.payload)) msg.complete = true; return msg;", [["j"]]), join({}, "j")],
  },
  {
    name: "join, reduce",
    nodes: [
      split("n", ["j"]),
      join(
        {
          mode: "reduce",
          reduceRight: false,
          reduceExp: "$A & payload & ' '",
          reduceInit: '""',
          reduceInitType: "jsonata",
          reduceFixup: "",
        },
        "j",
      ),
    ],
    feed: threeParts,
  },
  {
    name: "join, after each message (accumulate): done at the emission that has it first, and in all later ones",
    nodes: [join({ accumulate: true, count: "3" })],
    feed: { batches: 4 },
    // Messages go out with the third event and with each one after: the first three events are in ten of them, the
    // twelfth in one.
    check: ({ written }) =>
      assert.deepEqual(
        [...written.values()].toSorted((a, b) => b - a),
        [10, 10, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1],
      ),
  },
  {
    name: "join and function with a new object",
    nodes: [
      join({ count: "4" }, "n", ["f"]),
      javascript("await new Promise((r) => setTimeout(r, 5)); return { payload: msg.payload };", [["s"]], "f"),
    ],
  },
  { name: "batch", nodes: [batch(3)] },
  { name: "batch and join", nodes: [batch(4, "n", ["j"]), join({ mode: "auto" }, "j")] },
  {
    name: "batch by interval, joined",
    nodes: [batch(4, "n", ["j"], { mode: "interval", interval: 0.2 }), join({ mode: "auto" }, "j")],
  },
  { name: "split and sort", nodes: [split("n", ["o"]), sort("o")], feed: threeParts },
  {
    name: "split, and sort by an expression",
    nodes: [split("n", ["o"]), sort("o", { msgKey: "$length(payload)", msgKeyType: "jsonata" })],
    feed: threeParts,
  },
  {
    name: "sort of the elements of a payload",
    nodes: [
      javascript("return { payload: ['b', msg.payload, 'a'] };", [["o"]]),
      sort("o", { target: "payload", targetType: "msg" }),
    ],
  },
  {
    name: "a delay between split and join",
    nodes: [
      split("n", ["d"]),
      delay({ pauseType: "random" }, "d", ["j"]),
      join({ mode: "auto" }, "j", ["f"]),
      javascript("return { payload: msg.payload };", [["s", "s2"]], "f"),
      oracleSink("s2"),
    ],
    feed: threeParts,
    times: 2,
  },
];

describeNodeCases("nodes of sequences", cases);
describeNodeCases("nodes of sequences, messages delivered at once", cases, {
  settings: { runtimeSyncDelivery: true },
  on: bothLines,
});
