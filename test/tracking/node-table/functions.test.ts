import { strict as assert } from "node:assert";
import { delay, javascript } from "../support/core-nodes.js";
import { bothLines, describeNodeCases, dropping, type NodeCase } from "../support/node-cases.js";
import { core, oracleSink } from "../support/oracle.js";

const cases: readonly NodeCase[] = [
  { name: "return", nodes: [javascript("msg.payload += '!'; return msg;")] },
  { name: "null", nodes: [javascript("return null;")], feed: dropping, times: 0 },
  {
    name: "arrays: several messages to several outputs",
    nodes: [javascript("return [[msg, {payload: msg.payload}], msg];", [["s"], ["s"]])],
    times: 3,
  },
  {
    name: "several outputs, one of them empty",
    nodes: [
      javascript("return /:0$/.test(msg.payload) ? [msg, null] : [null, msg];", [["s"], ["s2"]]),
      oracleSink("s2"),
    ],
    check: ({ sink, fed }) => {
      assert.equal(sink("s").size, fed / 3);
      assert.equal(sink("s2").size, (2 * fed) / 3);
    },
    times: 1,
  },
  { name: "new object", nodes: [javascript("return { payload: msg.payload };")] },
  {
    name: "JSON round trip, twice",
    nodes: [
      javascript("return JSON.parse(JSON.stringify(msg));", [["n2"]]),
      javascript("return JSON.parse(JSON.stringify(msg));", [["s"]], "n2"),
    ],
  },
  { name: "spread", nodes: [javascript("return { ...msg };")] },
  { name: "send", nodes: [javascript("node.send(msg);")] },
  {
    name: "await",
    nodes: [javascript("await new Promise((r) => setTimeout(r, 5)); return { payload: msg.payload };")],
  },
  {
    name: "await, then several sends in between",
    nodes: [
      javascript(
        "const wait = () => new Promise((r) => setTimeout(r, Math.random() * 4)); node.send({ payload: msg.payload }); await wait(); node.send([msg, { payload: msg.payload }]); await wait(); return [null, { payload: msg.payload }];",
        [["s"], ["s"]],
      ),
    ],
    times: 4,
  },
  {
    name: "setTimeout",
    nodes: [javascript("setTimeout(() => node.send({ payload: msg.payload }), 10); return null;")],
  },
  {
    name: "chained setTimeout",
    nodes: [
      javascript("setTimeout(() => { setTimeout(() => { node.send({ payload: msg.payload }) }, 5) }, 5); return null;"),
    ],
  },
  {
    name: "awaited and chained setTimeout",
    nodes: [
      javascript(
        "const sleep = (t) => new Promise((r) => setTimeout(r, t)); await sleep(3); setTimeout(async () => { await sleep(4); node.send(msg) }, 5); return null;",
      ),
    ],
  },
  {
    name: "setTimeout that is cleared",
    nodes: [
      javascript("const t = setTimeout(() => node.send(msg), 50); setTimeout(() => clearTimeout(t), 5); return null;"),
    ],
    feed: dropping,
    times: 0,
  },
  {
    name: "node.done() after a send in a timer",
    nodes: [javascript("setTimeout(() => { node.send(msg); node.done(); }, 10);")],
  },
  {
    name: "node.done() after a send in the callback of something that is no timer",
    nodes: [
      javascript(
        "crypto.randomBytes(1e4, () => { node.send({ payload: msg.payload }); node.done(); });",
        [["s"]],
        "n",
        { libs: [{ var: "crypto", module: "crypto" }] },
      ),
    ],
  },
  {
    name: "a send in the callback of something that is no timer, without node.done(): early, counted and labelled",
    nodes: [
      // Long enough that the event has been settled, on any machine.
      javascript("crypto.pbkdf2('a', 'b', 1e5, 64, 'sha512', () => { node.send(msg); }); return null;", [["s"]], "n", {
        libs: [{ var: "crypto", module: "crypto" }],
        name: "hasty",
      }),
    ],
    feed: { ...dropping, batches: 5 },
    check: () => undefined,
    labelAfterwards: /best effort: hasty \(\d+ late\)$/,
  },
  {
    name: "keeps in context",
    nodes: [javascript("flow.set('kept', msg); return null;")],
    feed: dropping,
    times: 0,
  },
  {
    name: "node.linkcall",
    nodes: [
      javascript("const back = await node.linkcall('called', msg); return { payload: back.payload };"),
      core("link in", "li", [["w"]], { links: [], name: "called" }),
      delay({ timeout: "3" }, "w", ["lo"]),
      core("link out", "lo", [], { mode: "return", links: [] }),
    ],
    only: "5",
  },
  {
    name: "a function with a time limit of its own, and start code",
    nodes: [
      javascript("context.set('n', context.get('n') + 1); return msg;", [["s"]], "n", {
        timeout: 20,
        initialize: "context.set('n', 0);",
      }),
    ],
  },
];

const settings = { functionExternalModules: true, functionTimeout: 0 };

describeNodeCases("Function", cases, { settings });
describeNodeCases("Function, messages delivered at once", cases, {
  settings: { ...settings, runtimeSyncDelivery: true },
  on: bothLines,
});
