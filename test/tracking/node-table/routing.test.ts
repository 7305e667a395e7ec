import { strict as assert } from "node:assert";
import { catchAll } from "../../support/flow-nodes.js";
import type { FlowNode } from "../../support/node-red.js";
import { change, delay, javascript, join, route, rule, split, trigger } from "../support/core-nodes.js";
import { bothLines, describeNodeCases, dropping, type NodeCase } from "../support/node-cases.js";
import { core, oracleSink } from "../support/oracle.js";

/** Of a Trigger: one message for each that it gets. */
const ONE_MESSAGE = { op2type: "nul", bytopic: "topic", topic: "payload" };

const cases: readonly NodeCase[] = [
  { name: "junction", nodes: [change("n", ["j"]), core("junction", "j", [["s"]])] },
  {
    name: "link out and link in",
    nodes: [
      change("n", ["lo"]),
      core("link out", "lo", [], { mode: "link", links: ["li"] }),
      core("link in", "li", [["s"]], { links: ["lo"] }),
    ],
  },
  {
    name: "link call",
    nodes: [
      core("link call", "n", [["s"]], { links: ["li"], linkType: "static", timeout: "30" }),
      core("link in", "li", [["w"]], { links: [] }),
      delay({ timeout: "3" }, "w", ["lo"]),
      core("link out", "lo", [], { mode: "return", links: [] }),
    ],
  },
  {
    name: "link call that is not answered in time: given again",
    nodes: [
      core("link call", "n", [["s"]], { links: ["li"], linkType: "static", timeout: "0.3" }),
      core("link in", "li", [["w"]], { links: [] }),
      javascript(
        "const seen = context.get('seen') || {}; context.set('seen', seen); const again = seen[msg.payload]; seen[msg.payload] = true; return again ? msg : null;",
        [["lo"]],
        "w",
      ),
      core("link out", "lo", [], { mode: "return", links: [] }),
    ],
    feed: { batches: 5 },
  },
  {
    name: "switch",
    nodes: [route([rule("cont", ":0"), rule("else")], {}, "n", [["s"], ["s2"]]), oracleSink("s2")],
  },
  {
    name: "switch to several outputs at once",
    nodes: [route([rule("nempty"), rule("nnull")], {}, "n", [["s"], ["s"]])],
    times: 2,
  },
  {
    name: "switch, JSONata",
    nodes: [route([rule("true")], { property: "$length(payload) > 0", propertyType: "jsonata" })],
  },
  {
    name: "switch on what a context keeps in files",
    nodes: [
      route([rule("eq", "{}", "json"), rule("else")], { property: "#:(files)::x", propertyType: "flow" }, "n", [
        ["s"],
        ["s"],
      ]),
    ],
  },
  { name: "switch without a match", nodes: [route([rule("eq", "nothing")])], feed: dropping, times: 0 },
  {
    name: "switch that recreates sequences: best effort, and said so",
    nodes: [split("n", ["w"]), route([rule("nempty")], { repair: true }, "w")],
    feed: { ...dropping, text: "{id}-x-y" },
    times: 1,
    label: /best effort: switch$/,
  },
  {
    name: "filter (rbe)",
    nodes: [
      core("rbe", "n", [["s"]], {
        func: "rbe",
        gap: "",
        start: "",
        inout: "out",
        septopics: false,
        property: "payload",
      }),
    ],
  },
  {
    name: "filter (rbe) that drops all but the first",
    nodes: [
      change("n", ["r"], [{ t: "set", p: "same", pt: "msg", to: "1", tot: "num" }]),
      core("rbe", "r", [["s"]], {
        func: "rbe",
        gap: "",
        start: "",
        inout: "out",
        septopics: false,
        property: "same",
      }),
    ],
    feed: dropping,
    check: ({ written }) => assert.equal(written.size, 1),
  },
  {
    name: "complete",
    nodes: [change("n", []), core("complete", "cm", [["s"]], { scope: ["n"], uncaught: false })],
  },
  {
    name: "complete of a node that goes on as well: both branches must settle",
    nodes: [
      change("n", ["d"]),
      delay({ timeout: "2" }, "d"),
      core("complete", "cm", [["slow"]], { scope: ["n"], uncaught: false }),
      javascript("await new Promise((r) => setTimeout(r, 10)); return msg;", [["s"]], "slow"),
    ],
    times: 2,
  },
  {
    name: "catch of a Function that throws, into a sink",
    nodes: [
      javascript("if (/:1$/.test(msg.payload)) throw new Error('x'); return msg;"),
      { ...catchAll("k", ["d"], ["n"]) },
      delay({ timeout: "3" }, "d", ["s2"]),
      oracleSink("s2"),
    ],
    check: ({ sink, fed }) => {
      assert.equal(sink("s2").size, fed / 3);
      assert.equal(sink("s").size, (2 * fed) / 3);
    },
    times: 1,
  },
  {
    name: "status: its messages are nobody's, and hold nothing up",
    nodes: [
      javascript("node.status({ text: msg.payload }); return msg;"),
      core("status", "st", [["f"]], { scope: ["n"] }),
      javascript("await new Promise((r) => setTimeout(r, 5)); return { payload: msg.status.text };", [["s2"]], "f"),
      oracleSink("s2"),
    ],
    check: ({ sink, fed }) => assert.equal(sink("s").size, fed),
  },
  {
    name: "disabled target",
    nodes: [change("n", ["x"]), { ...change("x"), d: true }],
    feed: dropping,
    times: 0,
  },
  {
    name: "one disabled target of two, and a link to a disabled tab",
    nodes: [
      change("n", ["x", "s", "lo"]),
      { ...change("x"), d: true },
      core("link out", "lo", [], { mode: "link", links: ["li"] }),
      { id: "off", type: "tab", label: "off", disabled: true },
      core("link in", "li", [["far"]], { links: ["lo"], z: "off" }),
      oracleSink("far", { z: "off" }),
    ],
  },
  {
    name: "nodes in groups, with the group's environment",
    nodes: [
      { id: "g", type: "group", name: "", nodes: ["n"], env: [{ name: "TAG", type: "str", value: "grouped" }] },
      javascript("if (env.get('TAG') !== 'grouped') throw new Error('no env'); return msg;", [["s"]], "n", { g: "g" }),
    ],
  },
  { name: "subflow with delay and function", nodes: [core("subflow:sf", "n", [["s"]])] },
  {
    name: "subflow with an environment, two outputs, and a subflow in it",
    nodes: [
      core("subflow:outer", "n", [["s"], ["s2"]], { env: [{ name: "TAG", type: "str", value: "inner" }] }),
      oracleSink("s2"),
    ],
    times: 2,
  },
  {
    name: "the same subflow twice in a row",
    nodes: [core("subflow:sf", "n", [["n2"]]), core("subflow:sf", "n2", [["s"]])],
  },
  {
    name: "a node that sends new messages while it works on several",
    nodes: [core("test-fresh", "n", [["f"]]), javascript("return { payload: msg.payload };", [["s"]], "f")],
  },
  {
    name: "a node that makes one new message of three that it has got",
    nodes: [
      core("test-gather", "n", [["f"]]),
      javascript("await new Promise((r) => setTimeout(r, 5)); return { payload: msg.payload };", [["s"]], "f"),
    ],
  },
  {
    name: "subflow that shows a status of its own, from its input and from a node in it",
    nodes: [core("subflow:status", "n", [["s"]])],
  },
  {
    name: "link call whose target is chosen by the message, and a link call on the way",
    nodes: [
      javascript("msg.target = 'first'; return msg;", [["lc"]]),
      core("link call", "lc", [["s"]], { links: [], linkType: "dynamic", timeout: "30" }),
      core("link in", "li", [["lc2"]], { links: [], name: "first" }),
      core("link call", "lc2", [["lo"]], { links: ["li2"], linkType: "static", timeout: "30" }),
      core("link out", "lo", [], { mode: "return", links: [] }),
      core("link in", "li2", [["w"]], { links: [] }),
      delay({ timeout: "3" }, "w", ["f"]),
      javascript("return { ...JSON.parse(JSON.stringify(msg)) };", [["lo2"]], "f"),
      core("link out", "lo2", [], { mode: "return", links: [] }),
    ],
  },
  {
    name: "link call that comes back twice",
    nodes: [
      core("link call", "n", [["s"]], { links: ["li"], linkType: "static", timeout: "30" }),
      core("link in", "li", [["w"]], { links: [] }),
      javascript("node.send(msg); setTimeout(() => node.send(msg), 5);", [["lo"]], "w"),
      core("link out", "lo", [], { mode: "return", links: [] }),
    ],
    times: 2,
  },
  ...(["before", "after"] as const).map(
    (when): NodeCase => ({
      name: `a pair of nodes, one of which sends what the other got, ${when} that has completed it`,
      nodes: [
        core("test-portal-in", "n", [], { exit: "po", when }),
        core("test-portal-out", "po", [["f"]]),
        javascript("await new Promise((r) => setTimeout(r, 5)); return msg;", [["s"]], "f"),
      ],
    }),
  ),
  {
    name: "catch of a group, and of what no other Catch node takes",
    nodes: [
      { id: "g", type: "group", name: "", nodes: ["n", "k"] },
      javascript("if (/:1$/.test(msg.payload)) throw new Error('x'); return msg;", [["f2"]], "n", { g: "g" }),
      core("catch", "k", [["s2"]], { scope: "group", uncaught: false, g: "g" }),
      javascript("if (/:2$/.test(msg.payload)) throw new Error('y'); return msg;", [["s"]], "f2"),
      core("catch", "k2", [["s3"]], { scope: null, uncaught: true }),
      oracleSink("s2"),
      oracleSink("s3"),
    ],
    check: ({ sink, fed }) => {
      for (const id of ["s", "s2", "s3"]) assert.equal(sink(id).size, fed / 3, id);
    },
    times: 1,
  },
  {
    name: "catch in a subflow, whose messages leave it",
    nodes: [core("subflow:catching", "n", [["s"]])],
  },
  {
    name: "two Catch nodes, one of which only shows the error",
    nodes: [
      javascript("if (/:1$/.test(msg.payload)) throw new Error('x'); return msg;"),
      catchAll("k", ["d"], ["n"]),
      catchAll("k2", ["s"], ["n"]),
      core("debug", "d", [], { active: false }),
    ],
  },
  {
    name: "interceptors on the way, which get messages and hand events over again",
    nodes: [
      change("n", ["i"]),
      core("flume-interceptors", "i", [["f"]], { rules: [{ type: "static", key: "a", value: "b" }], payload: "text" }),
      javascript("await new Promise((r) => setTimeout(r, 5)); return { payload: msg.payload };", [["s"]], "f"),
    ],
  },
  ...labelled(),
  {
    name: "a legacy node that sends later: best effort, and said so",
    nodes: [core("test-legacy", "n", [["s"]])],
    label: /best effort: test-legacy$/,
  },
  {
    name: "chain: change, function, switch, join, split",
    nodes: [
      change("n", ["f"]),
      javascript(
        "await new Promise((r) => setTimeout(r, Math.random() * 5)); return { payload: msg.payload };",
        [["w"]],
        "f",
      ),
      route([rule("nempty")], {}, "w", [["j"]]),
      join({ count: "4" }, "j", ["p"]),
      split("p", ["s"], { splt: "\\n" }),
    ],
  },
];

/** What makes a path best effort stands where no wire leads. */
function labelled(): NodeCase[] {
  const ways: readonly (readonly [string, readonly FlowNode[]])[] = [
    ["a subflow", [core("subflow:triggers", "n", [["s"]])]],
    ["a link call in a subflow", [core("subflow:calling", "n", [["s"]])]],
    [
      "a link",
      [
        change("n", ["lo"]),
        core("link out", "lo", [], { mode: "link", links: ["li"] }),
        core("link in", "li", [["t"]], { links: ["lo"] }),
        trigger(ONE_MESSAGE, "t"),
      ],
    ],
    [
      "a link call",
      [
        core("link call", "n", [["s"]], { links: ["li"], linkType: "static", timeout: "30" }),
        core("link in", "li", [["t"]], { links: [] }),
        trigger(ONE_MESSAGE, "t", ["lo"]),
        core("link out", "lo", [], { mode: "return", links: [] }),
      ],
    ],
    [
      "a Catch node",
      [javascript("throw new Error('x');", [[]]), catchAll("k", ["t"], ["n"]), trigger(ONE_MESSAGE, "t")],
    ],
    [
      "a Complete node",
      [change("n", []), core("complete", "cm", [["t"]], { scope: ["n"], uncaught: false }), trigger(ONE_MESSAGE, "t")],
    ],
  ];
  return ways.map(([where, nodes]) => ({
    name: `a trigger behind ${where}: best effort, said so before anything runs`,
    nodes,
    label: /best effort: trigger$/,
    feed: dropping,
    check: () => undefined,
  }));
}

const inSubflow = (node: FlowNode, subflow: string): FlowNode => ({ ...node, z: subflow });

const subflows: readonly FlowNode[] = [
  {
    id: "sf",
    type: "subflow",
    name: "sub",
    in: [{ x: 50, y: 30, wires: [{ id: "sd" }] }],
    out: [{ x: 250, y: 30, wires: [{ id: "sfn", port: 0 }] }],
  },
  inSubflow(delay({ timeout: "3" }, "sd", ["sfn"]), "sf"),
  inSubflow(javascript("return { payload: msg.payload };", [[]], "sfn"), "sf"),
  {
    id: "outer",
    type: "subflow",
    name: "outer",
    env: [{ name: "TAG", type: "str", value: "default" }],
    in: [{ x: 50, y: 30, wires: [{ id: "of" }] }],
    out: [
      { x: 250, y: 30, wires: [{ id: "oi", port: 0 }] },
      { x: 250, y: 60, wires: [{ id: "of", port: 0 }] },
    ],
  },
  inSubflow(
    javascript("if (env.get('TAG') !== 'inner') throw new Error('no env'); return msg;", [["oi"]], "of"),
    "outer",
  ),
  inSubflow(core("subflow:sf", "oi", [[]]), "outer"),
  {
    id: "status",
    type: "subflow",
    name: "status",
    in: [{ x: 50, y: 30, wires: [{ id: "ssd" }] }],
    out: [{ x: 250, y: 30, wires: [{ id: "ssd", port: 0 }] }],
    status: {
      x: 250,
      y: 60,
      wires: [
        { id: "status", port: 0 },
        { id: "ssd", port: 0 },
      ],
    },
  },
  inSubflow(delay({ timeout: "3" }, "ssd", []), "status"),
  {
    id: "catching",
    type: "subflow",
    name: "catching",
    in: [{ x: 50, y: 30, wires: [{ id: "cf" }] }],
    out: [
      {
        x: 250,
        y: 30,
        wires: [
          { id: "cf", port: 0 },
          { id: "ck", port: 0 },
        ],
      },
    ],
  },
  inSubflow(javascript("if (/:1$/.test(msg.payload)) throw new Error('x'); return msg;", [[]], "cf"), "catching"),
  inSubflow(catchAll("ck", []), "catching"),
  {
    id: "triggers",
    type: "subflow",
    name: "triggers",
    in: [{ x: 50, y: 30, wires: [{ id: "st" }] }],
    out: [{ x: 250, y: 30, wires: [{ id: "st", port: 0 }] }],
  },
  inSubflow(trigger(ONE_MESSAGE, "st", []), "triggers"),
  {
    id: "calling",
    type: "subflow",
    name: "calling",
    in: [{ x: 50, y: 30, wires: [{ id: "cc" }] }],
    out: [{ x: 250, y: 30, wires: [{ id: "cc", port: 0 }] }],
  },
  inSubflow(core("link call", "cc", [[]], { links: ["ci"], linkType: "static", timeout: "30" }), "calling"),
  inSubflow(core("link in", "ci", [["ct"]], { links: [] }), "calling"),
  inSubflow(trigger(ONE_MESSAGE, "ct", ["co"]), "calling"),
  inSubflow(core("link out", "co", [], { mode: "return", links: [] }), "calling"),
];

const settings = {
  contextStorage: { default: { module: "memory" }, files: { module: "localfilesystem" } },
};

describeNodeCases("nodes that route", cases, { shared: subflows, settings });
describeNodeCases("nodes that route, messages delivered at once", cases, {
  shared: subflows,
  settings: { ...settings, runtimeSyncDelivery: true },
  on: bothLines,
});
