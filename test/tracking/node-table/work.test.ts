import { strict as assert } from "node:assert";
import { javascript, route, rule } from "../support/core-nodes.js";
import { describeNodeCases, type NodeCase } from "../support/node-cases.js";
import { core, oracleSink } from "../support/oracle.js";

const exec = (settings: Readonly<Record<string, unknown>>, id = "n", wires: string[][] = [["s"], [], []]) =>
  core("exec", id, wires, {
    command: "echo",
    addpay: "payload",
    append: "",
    useSpawn: "false",
    timer: "",
    winHide: false,
    oldrc: false,
    ...settings,
  });
const named = (next: string, id = "n") =>
  javascript(
    "msg.filename = msg.payload.replace(/:/g, '-') + '.txt'; msg.payload = msg.payload + '\\n'; return msg;",
    [[next]],
    id,
  );
const file = (id: string, to: string[], settings: Readonly<Record<string, unknown>> = {}) =>
  core("file", id, [to], {
    filename: "filename",
    filenameType: "msg",
    appendNewline: false,
    createDir: true,
    overwriteFile: "true",
    encoding: "none",
    ...settings,
  });
const fileIn = (id: string, settings: Readonly<Record<string, unknown>> = {}) =>
  core("file in", id, [["s"]], {
    filename: "filename",
    filenameType: "msg",
    format: "lines",
    chunk: false,
    sendError: false,
    encoding: "none",
    allProps: false,
    ...settings,
  });

const cases: readonly NodeCase[] = [
  { name: "exec", nodes: [exec({})], feed: { batches: 4 } },
  { name: "exec, spawn", nodes: [exec({ useSpawn: "true" })], feed: { batches: 4 } },
  {
    name: "exec whose command fails: its exit code is data, which a Switch routes",
    nodes: [
      exec({ command: "exit 3; echo", addpay: "payload" }, "n", [[], [], ["w"]]),
      route([rule("eq", "3", "num")], { property: "payload.code" }, "w", [["f"]]),
      javascript("return { payload: 'code ' + msg.payload.code };", [["s"]], "f"),
    ],
    feed: { batches: 2, drops: true },
    times: 0,
  },
  { name: "file, and file in by lines", nodes: [named("f"), file("f", ["fi"]), fileIn("fi")] },
  { name: "file, and file in as one text", nodes: [named("f"), file("f", ["fi"]), fileIn("fi", { format: "utf8" })] },
  {
    name: "file, all into one, appended",
    nodes: [named("f"), file("f", ["s"], { filename: "all.txt", filenameType: "str", overwriteFile: "false" })],
  },
  {
    name: "file that cannot be written: given again, then to the dead letters; its neighbours arrive",
    nodes: [
      named("w"),
      javascript("if (/:1$/.test(msg.payload.trim())) msg.filename = '/proc/nothing/here'; return msg;", [["f"]], "w"),
      file("f", ["s"], { createDir: false }),
      oracleSink("x"),
    ],
    feed: { batches: 4 },
    channel: { refused: "port", attemptsBeforeSplit: 2, wires: [["n"], ["x"]] },
    check: ({ sink }) => assert.deepEqual([...sink("x").values()], [1, 1, 1, 1]),
  },
  {
    name: "file in that finds nothing: the same",
    nodes: [javascript("msg.filename = 'no-such-file'; return msg;", [["fi"]]), fileIn("fi"), oracleSink("x")],
    feed: { batches: 2 },
    channel: { refused: "port", attemptsBeforeSplit: 1, wires: [["n"], ["x"]] },
    check: ({ sink, fed }) => assert.equal(sink("x").size, fed),
  },
];

describeNodeCases("nodes that work outside", cases);
