import { change, javascript, split } from "../support/core-nodes.js";
import { describeNodeCases, type NodeCase } from "../support/node-cases.js";
import { core, oracleSink } from "../support/oracle.js";

/** What a node cannot parse goes the way of the dead letters, after one attempt. */
const deadLetters = { refused: "port", attemptsBeforeSplit: 1, wires: [["n"], ["x"]] };
const cases: readonly NodeCase[] = [
  { name: "change", nodes: [change("n", ["s"], [{ t: "set", p: "x", pt: "msg", to: "1", tot: "num" }])] },
  {
    name: "change that moves the payload, and a JSONata expression",
    nodes: [
      change(
        "n",
        ["n2"],
        [
          { t: "move", p: "payload", pt: "msg", to: "kept.text", tot: "msg" },
          { t: "set", p: "payload", pt: "msg", to: "{ 'id': kept.text }", tot: "jsonata" },
        ],
      ),
      change("n2", ["s"], [{ t: "delete", p: "kept", pt: "msg" }]),
    ],
  },
  {
    name: "template",
    nodes: [
      core("template", "n", [["s"]], {
        field: "payload",
        fieldType: "msg",
        format: "handlebars",
        syntax: "mustache",
        template: "<{{payload}}>",
        output: "str",
      }),
    ],
  },
  {
    name: "range",
    nodes: [
      javascript("msg.i = Number(msg.payload.split(':')[2]); return msg;", [["r"]]),
      core("range", "r", [["check"]], {
        minin: "0",
        maxin: "10",
        minout: "0",
        maxout: "100",
        action: "scale",
        round: false,
        property: "i",
      }),
      javascript(
        "if (msg.i !== 10 * Number(msg.payload.split(':')[2])) throw new Error(msg.i); return msg;",
        [["s"]],
        "check",
      ),
    ],
  },
  {
    name: "json",
    nodes: [core("json", "n", [["s"]], { property: "payload", action: "obj", pretty: false })],
    feed: { text: '{"id":"{id}"}' },
  },
  {
    name: "csv",
    nodes: [
      core("csv", "n", [["s"]], {
        spec: "rfc",
        sep: ",",
        hdrin: "",
        hdrout: "none",
        multi: "one",
        ret: "\\n",
        temp: "a,b",
        skip: "0",
        strings: true,
      }),
    ],
    feed: { text: "{id},x" },
  },
  {
    name: "xml",
    nodes: [core("xml", "n", [["s"]], { property: "payload", attr: "", chr: "" })],
    feed: { text: "<a>{id}</a>" },
  },
  { name: "yaml", nodes: [core("yaml", "n", [["s"]], { property: "payload" })], feed: { text: 'a: "{id}"' } },
  {
    name: "html",
    nodes: [
      core("html", "n", [["s"]], { property: "payload", outproperty: "payload", tag: "p", ret: "text", as: "single" }),
    ],
    feed: { text: "<p>{id}</p>" },
  },
  {
    name: "csv that makes a message of each row, put together again",
    nodes: [
      core("csv", "n", [["j"]], {
        spec: "rfc",
        sep: ",",
        hdrin: "",
        hdrout: "none",
        multi: "one",
        ret: "\\n",
        temp: "a,b",
        skip: "0",
        strings: true,
      }),
      core("join", "j", [["s"]], { mode: "auto" }),
    ],
    feed: { text: "{id},x\ny,z" },
  },
  ...(
    [
      ["json", core("json", "p", [["s"]], { property: "payload", action: "obj", pretty: false }), '{"id":"{id}"}'],
      ["xml", core("xml", "p", [["s"]], { property: "payload", attr: "", chr: "" }), "<a>{id}</a>"],
      ["yaml", core("yaml", "p", [["s"]], { property: "payload" }), 'a: "{id}"'],
    ] as const
  ).map(
    ([name, node, text]): NodeCase => ({
      name: `${name} that cannot parse an event: it is given again, then goes to the dead letters; its neighbours arrive`,
      nodes: [
        javascript("if (/:0\\b(?!:)/.test(msg.payload)) msg.payload = '{ < ['; return msg;", [["p"]]),
        node,
        oracleSink("x"),
      ],
      channel: deadLetters,
      feed: { batches: 4, text },
      check: ({ fed, sink, written }) => {
        const dead = [...sink("x").keys()];
        if (dead.length !== 4 || !dead.every((id) => id.endsWith(":0")))
          throw new Error(`dead letters: ${dead.join(" ")}`);
        if (sink("s").size !== fed - 4) throw new Error(`${sink("s").size} arrived`);
        if (written.size !== fed) throw new Error(`${written.size} in all`);
      },
      times: 1,
    }),
  ),
  { name: "split into lines, each of which goes on", nodes: [split()], feed: { text: "{id}-x-y" } },
];

describeNodeCases("nodes that transform", cases);
