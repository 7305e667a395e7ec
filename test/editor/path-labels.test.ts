import { useBrowser } from "../support/browser.js";
import { Editor } from "../support/editor.js";
import { memory, nullSink, tab } from "../support/flow-nodes.js";
import { type FlowNode, placed, useNodeRed } from "../support/node-red.js";
import { editorVersions } from "./components.js";

const at = (x: number, y: number, node: FlowNode): FlowNode => ({ ...node, x, y });

/** Nothing runs here: the channels are empty. */
const flow: FlowNode[] = [
  tab("tab", { label: "Promises" }),
  at(160, 80, { ...memory("tracked", ["f"]), name: "orders" }),
  at(380, 80, {
    id: "f",
    type: "function",
    z: "tab",
    name: "enrich",
    func: "return msg;",
    outputs: 1,
    wires: [["s1"]],
  }),
  at(640, 80, { ...nullSink("s1"), name: "stored" }),
  at(160, 200, { ...memory("best", ["d"]), name: "alarms" }),
  at(380, 200, { id: "d", type: "change", z: "tab", name: "mark", rules: [], wires: [["t"]] }),
  at(520, 200, {
    id: "t",
    type: "trigger",
    z: "tab",
    name: "repeat",
    op1type: "pay",
    op2type: "payl",
    wires: [["s2"]],
  }),
  at(680, 200, { ...nullSink("s2"), name: "sent" }),
  at(160, 320, { ...memory("over", ["c"]), name: "samples", tracking: "handOver" }),
  at(380, 320, { id: "c", type: "change", z: "tab", name: "scale", rules: [], wires: [["s3"]] }),
  at(640, 320, { ...nullSink("s3"), name: "drawn" }),
];

for (const version of editorVersions) {
  describe(`editor ${version}: the canvas tells what wires to ordinary nodes promise`, function () {
    this.timeout(180_000);
    const nodeRed = useNodeRed({ version, flows: placed(flow) });
    const browser = useBrowser();

    for (const scheme of version === "5" ? (["light", "dark"] as const) : (["light"] as const)) {
      it(`before anything runs, and because of which node, ${scheme}`, async () => {
        const editor = await Editor.open(browser(), nodeRed().url, { width: 1280, height: 700, scale: 2, scheme });
        try {
          await editor.waitForStatus("tracked", /^0 %.* tracked$/);
          await editor.waitForStatus("best", /best effort: repeat$/);
          await editor.waitForStatus("over", /best effort$/);
          await editor.screenshot(`path-labels-${version}-${scheme}`);
          await editor.assertNoErrors();
        } finally {
          await editor.close();
        }
      });
    }
  });
}
