import { strict as assert } from "node:assert";
import type { FlowNode } from "../support/node-red.js";
import { tab } from "../support/flow-nodes.js";
import { core, type Feed, Oracle, type OracleReport, oracleChannel, oracleSink } from "./support/oracle.js";

const BATCHES = 40;
const SIZE = 3;

interface Case {
  readonly name: string;
  /** From the channel `c` to the sink `s`; the first node is `n`. */
  readonly nodes: readonly FlowNode[];
  readonly feed?: Partial<Feed>;
  /** How often each event is written. */
  readonly times?: number;
  readonly check?: (report: OracleReport) => void;
  readonly channel?: Readonly<Record<string, unknown>>;
}

const javascript = (code: string, wires: string[][] = [["s"]], id = "n") =>
  core("function", id, wires, {
    func: code,
    outputs: wires.length,
    timeout: 0,
    initialize: "",
    finalize: "",
    libs: [],
  });
const none = { drops: true };

const rule = (t: string, v = "", vt = "str") => ({ t, v, vt });
const join = (settings: Record<string, unknown>, id = "n", to = ["s"]) =>
  core("join", id, [to], {
    mode: "custom",
    build: "array",
    property: "payload",
    propertyType: "msg",
    key: "topic",
    joiner: "\\n",
    joinerType: "str",
    accumulate: false,
    timeout: "",
    count: "",
    ...settings,
  });
const delay = (settings: Record<string, unknown>, id = "n", to = ["s"]) =>
  core("delay", id, [to], {
    pauseType: "delay",
    timeout: "5",
    timeoutUnits: "milliseconds",
    rate: "1",
    nbRateUnits: "1",
    rateUnits: "second",
    randomFirst: "1",
    randomLast: "10",
    randomUnits: "milliseconds",
    drop: false,
    allowrate: false,
    outputs: 1,
    ...settings,
  });

const cases: readonly Case[] = [
  {
    name: "change",
    nodes: [core("change", "n", [["s"]], { rules: [{ t: "set", p: "x", pt: "msg", to: "1", tot: "num" }] })],
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
      core("range", "n", [["b"]], {
        minin: "0",
        maxin: "10",
        minout: "0",
        maxout: "100",
        action: "scale",
        round: false,
        property: "i",
      }),
      javascript("return msg", [["s"]], "b"),
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
  { name: "junction", nodes: [core("change", "n", [["j"]], { rules: [] }), core("junction", "j", [["s"]])] },
  {
    name: "link out and link in",
    nodes: [
      core("change", "n", [["lo"]], { rules: [] }),
      core("link out", "lo", [], { mode: "link", links: ["li"] }),
      core("link in", "li", [["s"]], { links: ["lo"] }),
    ],
  },
  {
    name: "split",
    nodes: [
      core("split", "n", [["s"]], {
        splt: "-",
        spltType: "str",
        arraySplt: 1,
        arraySpltType: "len",
        stream: false,
        addname: "",
        property: "payload",
      }),
    ],
    feed: { text: "{id}-x-y" },
  },
  {
    name: "split and join",
    nodes: [
      core("split", "n", [["j"]], { splt: "-", spltType: "str", stream: false, property: "payload" }),
      join({ mode: "auto" }, "j"),
    ],
    feed: { text: "{id}-x-y" },
  },
  { name: "function: return", nodes: [javascript("msg.payload += '!'; return msg;")] },
  { name: "function: null", nodes: [javascript("return null;")], feed: none, times: 0 },
  {
    name: "function: arrays",
    nodes: [javascript("return [[msg, {payload: msg.payload}], msg];", [["s"], ["s"]])],
    times: 3,
  },
  { name: "function: new object", nodes: [javascript("return { payload: msg.payload };")] },
  {
    name: "function: JSON round trip, twice",
    nodes: [
      javascript("return JSON.parse(JSON.stringify(msg));", [["n2"]]),
      javascript("return JSON.parse(JSON.stringify(msg));", [["s"]], "n2"),
    ],
  },
  { name: "function: send", nodes: [javascript("node.send(msg);")] },
  {
    name: "function: await",
    nodes: [javascript("await new Promise((r) => setTimeout(r, 5)); return { payload: msg.payload };")],
  },
  {
    name: "function: setTimeout",
    nodes: [javascript("setTimeout(() => node.send({ payload: msg.payload }), 10); return null;")],
  },
  {
    name: "function: chained setTimeout",
    nodes: [
      javascript("setTimeout(() => { setTimeout(() => { node.send({ payload: msg.payload }) }, 5) }, 5); return null;"),
    ],
  },
  {
    name: "function: awaited and chained setTimeout",
    nodes: [
      javascript(
        "const sleep = (t) => new Promise((r) => setTimeout(r, t)); await sleep(3); setTimeout(async () => { await sleep(4); node.send(msg) }, 5); return null;",
      ),
    ],
  },
  {
    name: "function: setTimeout that is cleared",
    nodes: [
      javascript("const t = setTimeout(() => node.send(msg), 50); setTimeout(() => clearTimeout(t), 5); return null;"),
    ],
    feed: none,
    times: 0,
  },
  {
    name: "function: node.done()",
    nodes: [javascript("setImmediate = undefined; setTimeout(() => { node.send(msg); node.done(); }, 10);")],
  },
  {
    name: "function: keeps in context",
    nodes: [javascript("flow.set('kept', msg); return null;")],
    feed: none,
    times: 0,
  },
  {
    name: "switch",
    nodes: [
      core("switch", "n", [["s"], ["s2"]], {
        property: "payload",
        propertyType: "msg",
        rules: [rule("cont", ":0"), rule("else")],
        checkall: "true",
        repair: false,
        outputs: 2,
      }),
      oracleSink("s2"),
    ],
  },
  {
    name: "switch, JSONata",
    nodes: [
      core("switch", "n", [["s"]], {
        property: "$length(payload) > 0",
        propertyType: "jsonata",
        rules: [rule("true")],
        checkall: "true",
        repair: false,
        outputs: 1,
      }),
    ],
  },
  {
    name: "switch without a match",
    nodes: [
      core("switch", "n", [["s"]], {
        property: "payload",
        propertyType: "msg",
        rules: [rule("eq", "nothing")],
        checkall: "true",
        repair: false,
        outputs: 1,
      }),
    ],
    feed: none,
    times: 0,
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
  { name: "delay, fixed", nodes: [delay({})] },
  { name: "delay, random", nodes: [delay({ pauseType: "random" })] },
  { name: "delay, rate", nodes: [delay({ pauseType: "rate", rate: "500" })] },
  {
    name: "delay, rate with drop",
    nodes: [delay({ pauseType: "rate", rate: "50", drop: true })],
    feed: none,
    check: () => undefined,
  },
  {
    name: "delay, rate with drop to a second output",
    nodes: [delay({ pauseType: "rate", rate: "50", drop: true, outputs: 2, wires: [["s"], ["s"]] })],
  },
  { name: "delay, queue", nodes: [delay({ pauseType: "queue", rate: "200" })], feed: none, check: () => undefined },
  { name: "delay, timed", nodes: [delay({ pauseType: "timed", rate: "20" })], feed: none, check: () => undefined },
  { name: "join, count", nodes: [join({ count: "3" })] },
  { name: "join, count over several batches", nodes: [join({ count: "5" })] },
  { name: "join, timeout", nodes: [join({ count: "7", timeout: "0.05" })] },
  {
    name: "join, reduce",
    nodes: [
      core("split", "n", [["j"]], { splt: "-", spltType: "str", stream: false, property: "payload" }),
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
    feed: { text: "{id}-x-y" },
  },
  {
    name: "join, after each message (accumulate)",
    nodes: [join({ accumulate: true, count: "3" })],
    check: () => undefined,
  },
  {
    name: "join and function with a new object",
    nodes: [
      join({ count: "4" }, "n", ["f"]),
      javascript("await new Promise((r) => setTimeout(r, 5)); return { payload: msg.payload };", [["s"]], "f"),
    ],
  },
  {
    name: "batch",
    nodes: [
      core("batch", "n", [["s"]], {
        mode: "count",
        count: 3,
        overlap: 0,
        interval: 10,
        allowEmptySequence: false,
        topics: [],
      }),
    ],
  },
  {
    name: "batch and join",
    nodes: [
      core("batch", "n", [["j"]], {
        mode: "count",
        count: 4,
        overlap: 0,
        interval: 10,
        allowEmptySequence: false,
        topics: [],
      }),
      join({ mode: "auto" }, "j"),
    ],
  },
  {
    name: "split and sort",
    nodes: [
      core("split", "n", [["o"]], { splt: "-", spltType: "str", stream: false, property: "payload" }),
      core("sort", "o", [["s"]], {
        order: "ascending",
        as_num: false,
        target: "",
        targetType: "seq",
        msgKey: "payload",
        msgKeyType: "elem",
        seqKey: "payload",
        seqKeyType: "msg",
      }),
    ],
    feed: { text: "{id}-x-y" },
  },
  {
    name: "exec",
    nodes: [
      core("exec", "n", [["s"], [], []], {
        command: "echo",
        addpay: "payload",
        append: "",
        useSpawn: "false",
        timer: "",
        winHide: false,
        oldrc: false,
      }),
    ],
    feed: { batches: 4 },
  },
  {
    name: "exec, spawn",
    nodes: [
      core("exec", "n", [["s"], [], []], {
        command: "echo",
        addpay: "payload",
        append: "",
        useSpawn: "true",
        timer: "",
        winHide: false,
        oldrc: false,
      }),
    ],
    feed: { batches: 4 },
  },
  {
    name: "file, and file in by lines",
    nodes: [
      javascript(
        "msg.filename = msg.payload.replace(/:/g, '-') + '.txt'; msg.payload = msg.payload + '\\n'; return msg;",
        [["f"]],
      ),
      core("file", "f", [["fi"]], {
        filename: "filename",
        filenameType: "msg",
        appendNewline: false,
        createDir: true,
        overwriteFile: "true",
        encoding: "none",
      }),
      core("file in", "fi", [["s"]], {
        filename: "filename",
        filenameType: "msg",
        format: "lines",
        chunk: false,
        sendError: false,
        encoding: "none",
        allProps: false,
      }),
    ],
  },
  {
    name: "link call",
    nodes: [
      core("link call", "n", [["s"]], { links: ["li"], linkType: "static", timeout: "5" }),
      core("link in", "li", [["w"]], { links: [] }),
      delay({ timeout: "3" }, "w", ["lo"]),
      core("link out", "lo", [], { mode: "return", links: [] }),
    ],
  },
  {
    name: "complete",
    nodes: [
      core("change", "n", [[]], { rules: [] }),
      core("complete", "cm", [["s"]], { scope: ["n"], uncaught: false }),
    ],
  },
  {
    name: "disabled target",
    nodes: [core("change", "n", [["x"]], { rules: [] }), core("change", "x", [["s"]], { rules: [], d: true })],
    feed: none,
    times: 0,
  },
  {
    name: "subflow with delay and function",
    nodes: [core("subflow:sf", "n", [["s"]])],
  },
  {
    name: "a node that sends new messages while it works on several",
    nodes: [core("test-fresh", "n", [["f"]]), javascript("return { payload: msg.payload };", [["s"]], "f")],
  },
  { name: "a legacy node that sends later", nodes: [core("test-legacy", "n", [["s"]])] },
  {
    name: "chain: change, function, switch, join, split",
    nodes: [
      core("change", "n", [["f"]], { rules: [] }),
      javascript(
        "await new Promise((r) => setTimeout(r, Math.random() * 5)); return { payload: msg.payload };",
        [["w"]],
        "f",
      ),
      core("switch", "w", [["j"]], {
        property: "payload",
        propertyType: "msg",
        rules: [rule("nempty")],
        checkall: "true",
        repair: false,
        outputs: 1,
      }),
      join({ count: "4" }, "j", ["p"]),
      core("split", "p", [["s"]], {
        arraySplt: 1,
        arraySpltType: "len",
        splt: "\\n",
        spltType: "str",
        stream: false,
        property: "payload",
      }),
    ],
  },
];

const subflow: readonly FlowNode[] = [
  {
    id: "sf",
    type: "subflow",
    name: "sub",
    in: [{ x: 50, y: 30, wires: [{ id: "sd" }] }],
    out: [{ x: 250, y: 30, wires: [{ id: "sfn", port: 0 }] }],
  },
  { ...delay({ timeout: "3" }, "sd", ["sfn"]), z: "sf" },
  { ...core("function", "sfn", [[]], { func: "return { payload: msg.payload };", outputs: 1 }), z: "sf" },
];

/** Every case on a tab of its own: `c` becomes `c7`, and so on. */
function tabOf(one: Case, number: number): FlowNode[] {
  const own = (id: string) => `${id}.${number}`;
  const z = own("tab");
  const nodes = [oracleChannel("c", ["n"], one.channel), ...one.nodes, oracleSink("s")];
  return [
    tab(z),
    ...nodes.map((node) => ({
      ...node,
      id: own(node.id),
      z,
      wires: (node.wires ?? []).map((wire) => wire.map(own)),
      ...(Array.isArray(node["links"]) ? { links: node["links"].map((id: string) => own(id)) } : {}),
      ...(Array.isArray(node["scope"]) ? { scope: node["scope"].map((id: string) => own(id)) } : {}),
    })),
  ];
}

for (const version of ["5", "4.1"] as const) {
  describe(`Tracked paths, node by node, Node-RED ${version}`, function () {
    this.timeout(60_000);
    let oracle: Oracle;

    before(async function () {
      this.timeout(60_000);
      oracle = await Oracle.start({ version, flows: [...subflow, ...cases.flatMap(tabOf)] });
    });
    after(async function () {
      this.timeout(60_000);
      await oracle.stop();
    });

    for (const [number, one] of cases.entries()) {
      it(one.name, async () => {
        const { batches = BATCHES, size = SIZE } = one.feed ?? {};
        const channel = `c.${number}`;
        await oracle.feed(channel, { batches, size, ...one.feed });
        const report = await oracle.settled(channel, batches);
        const { premature, rolledBack } = report.channels[channel] ?? {};
        assert.deepEqual({ premature, rolledBack }, { premature: [], rolledBack: [] });
        const mine = Object.entries(report.written).filter(([id]) => id.startsWith(`${channel}:`));
        if (one.check) one.check(report);
        else {
          assert.equal(mine.length, one.times === 0 ? 0 : batches * size);
          for (const [id, times] of mine) assert.equal(times, one.times ?? 1, `${id} was written ${times} times`);
        }
        await oracle.idle();
      });
    }
  });
}
