// What a flow made at random picks its single nodes from. Seeds that are kept mean places in these lists.
import type { FlowNode } from "../../support/node-red.js";
import { batch, change, delay, javascript } from "./core-nodes.js";
import { core } from "./oracle.js";

/** A node, or a few in a row, that send each message on once. */
export const passing: readonly ((id: string, to: string[]) => FlowNode[])[] = [
  (id, to) => [change(id, to)],
  (id, to) => [core("junction", id, [to])],
  (id, to) => [
    core("template", id, [to], {
      field: "payload",
      fieldType: "msg",
      syntax: "mustache",
      template: "{{{payload}}}",
    }),
  ],
  (id, to) => [core("test-fresh", id, [to])],
  (id, to) => [
    core("flume-interceptors", id, [to], { rules: [{ type: "static", key: "a", value: "b" }], payload: "text" }),
  ],
  (id, to) => [
    core("file", id, [to], {
      filename: `${id}.txt`,
      filenameType: "str",
      overwriteFile: "false",
      appendNewline: true,
      encoding: "none",
    }),
  ],
  (id, to) => [batch(1, id, to, { mode: "interval", interval: 0.05 })],
  (id, to) => [
    javascript("msg.nonce = Math.random(); return msg;", [[`${id}r`]], id),
    core("rbe", `${id}r`, [to], {
      func: "rbe",
      gap: "",
      start: "",
      inout: "out",
      septopics: false,
      property: "nonce",
    }),
  ],
  (id, to) => [
    javascript(
      "node.status({ text: msg.payload }); return { ...msg, payload: { at: msg.payload } };",
      [[`${id}j`]],
      id,
    ),
    core("json", `${id}j`, [[`${id}k`]], { property: "payload", action: "", pretty: false }),
    core("json", `${id}k`, [[`${id}l`]], { property: "payload", action: "", pretty: false }),
    change(`${id}l`, to, [{ t: "move", p: "payload.at", pt: "msg", to: "payload", tot: "msg" }]),
  ],
];

export const delays: readonly ((id: string, to: string[]) => FlowNode)[] = [
  (id, to) => delay({ timeout: "4" }, id, to),
  (id, to) => delay({ pauseType: "random" }, id, to),
  (id, to) => delay({ pauseType: "rate", rate: "800" }, id, to),
  // What does not pass leaves by the second output, to the same place.
  (id, to) => ({ ...delay({ pauseType: "rate", rate: "20", drop: true, outputs: 2 }, id), wires: [to, to] }),
];

/** At the beginning of an async Function: it goes on a little later. */
export const wait = "await new Promise((r) => setTimeout(r, Math.random() * 15));";

/** Functions that send a message as often as `times`, in the ways that a person writes it. */
export const functions: readonly { readonly code: string; readonly times: number; readonly settings?: object }[] = [
  { code: "return msg;", times: 1 },
  { code: "return { payload: msg.payload };", times: 1 },
  { code: "return JSON.parse(JSON.stringify(msg));", times: 1 },
  { code: "node.send({ ...msg });", times: 1 },
  { code: `${wait} return msg;`, times: 1 },
  { code: `${wait} return { payload: msg.payload };`, times: 1 },
  { code: "setTimeout(() => node.send({ payload: msg.payload }), Math.random() * 10); return null;", times: 1 },
  { code: `setTimeout(async () => { ${wait} node.send(msg); }, 3); return null;`, times: 1 },
  { code: "setTimeout(() => { node.send(msg); node.done(); }, Math.random() * 10);", times: 1 },
  { code: "return [[msg, { payload: msg.payload }]];", times: 2 },
  { code: `node.send(msg); ${wait} node.send({ payload: msg.payload });`, times: 2 },
  { code: `node.send({ payload: msg.payload }); setTimeout(() => node.send(msg), 4); return null;`, times: 2 },
  {
    code: "crypto.randomBytes(1e4, () => { node.send({ payload: msg.payload }); node.done(); });",
    times: 1,
    settings: { libs: [{ var: "crypto", module: "crypto" }] },
  },
];

/** Ways to fail that are told: the first time that this node sees an event, and never again. */
export const failures = [
  "throw new Error('random');",
  "node.error('random', msg); return null;",
  "node.done(new Error('random')); return null;",
  `${wait} throw new Error('random');`,
  "setTimeout(() => { throw new Error('random') }, 2); return null;",
];
