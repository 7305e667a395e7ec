import { strict as assert } from "node:assert";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { useBrowser } from "../support/browser.js";
import { Editor } from "../support/editor.js";
import { root } from "../support/machine.js";
import { type FlowNode, useNodeRed } from "../support/node-red.js";

const folder = join(root, "examples");
const examples = readdirSync(folder).filter((name) => name.endsWith(".json"));

interface Drawn {
  readonly label: string;
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

/** The nodes of the visible tab as they lie on the canvas. */
async function drawn(editor: Editor): Promise<Drawn[]> {
  return await editor.page.$$eval("#red-ui-workspace-chart .red-ui-flow-node-group", (groups) =>
    groups.map((group) => {
      const { left, right, top, bottom } = (group.querySelector(".red-ui-flow-node") ?? group).getBoundingClientRect();
      const label = group.querySelector(".red-ui-flow-node-label")?.textContent ?? group.id;
      return { label, left, right, top, bottom };
    }),
  );
}

const wiresIn = (flow: readonly FlowNode[]) => flow.flatMap(({ wires = [] }) => wires.flat()).length;

describe("editor: examples as they are imported", function () {
  this.timeout(180_000);
  const nodeRed = useNodeRed({ flows: [{ id: "tab", type: "tab", label: "Empty" }] });
  const browser = useBrowser();
  let editor: Editor;

  beforeEach(async () => {
    editor = await Editor.open(browser(), nodeRed().url, { width: 1700, height: 900 });
  });
  afterEach(async () => {
    await editor?.close();
  });

  for (const name of examples) {
    it(`"${name}": every node is right, keeps its wires, and lies clear of the others`, async () => {
      const example = JSON.parse(readFileSync(join(folder, name), "utf8")) as FlowNode[];
      await editor.importFlow(example);
      const imported = await editor.exportFlows();
      // The editor drops a wire that begins at a port which the node does not have.
      assert.equal(wiresIn(imported), wiresIn(example));
      await editor.showTab(imported.findLast(({ type }) => type === "tab")?.id ?? "");
      assert.deepEqual(await editor.invalidNodes(), []);
      const nodes = await drawn(editor);
      assert.ok(nodes.length > 2);
      for (const [index, one] of nodes.entries()) {
        for (const other of nodes.slice(index + 1)) {
          const apart =
            one.right < other.left || other.right < one.left || one.bottom < other.top || other.bottom < one.top;
          assert.ok(apart, `"${one.label}" and "${other.label}" lie over each other`);
        }
      }
      await editor.assertNoErrors();
    });
  }
});
