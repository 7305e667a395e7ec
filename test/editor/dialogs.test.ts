import { strict as assert } from "node:assert";
import type { Declaration } from "../../lib/engine/component.js";
import { useBrowser } from "../support/browser.js";
import { Editor } from "../support/editor.js";
import { type FlowNode, useNodeRed } from "../support/node-red.js";
import { declarations, editorVersions } from "./components.js";

const schemes = { "5": ["light", "dark"], "4.1": ["light"] } as const;

/** One node of each type on a tab, as import puts them there. */
function oneOfEach(all: readonly Declaration[]): FlowNode[] {
  const nodes = all.map(({ type }, index) => ({
    id: type,
    type,
    z: "tab",
    name: "",
    x: 160 + 240 * (index % 3),
    y: 60 + 70 * Math.floor(index / 3),
    wires: [],
  }));
  return [{ id: "tab", type: "tab", label: "One of each" }, ...nodes];
}

for (const version of editorVersions) {
  for (const scheme of schemes[version]) {
    describe(`editor ${version}, ${scheme}: palette and dialogs`, function () {
      this.timeout(120_000);
      let all: Declaration[];
      const nodeRed = useNodeRed(async () => {
        all = (await declarations()).filter(({ role }) => role !== "config");
        return { version, flows: oneOfEach(all) };
      });
      const browser = useBrowser();
      let editor: Editor;

      before(async () => {
        editor = await Editor.open(browser(), nodeRed().url, { scheme, width: 1500, height: 1300, scale: 2 });
      });
      after(async () => {
        await editor?.close();
      });

      it("shows sources, channels, sinks and routing in the palette, from top to bottom", async () => {
        const types = (await editor.paletteTypes()).filter((type) => type.startsWith("flume-"));
        assert.deepEqual(
          types,
          all.map(({ type }) => type),
        );
        await editor.page.$eval("#red-ui-palette-container-flume", (element) => element.scrollIntoView());
        await editor.screenshot(`palette-${version}-${scheme}`, "#red-ui-palette-container-flume");
        await editor.screenshot(`nodes-${version}-${scheme}`);
      });

      it("opens each dialog without errors", async () => {
        for (const { type } of all) {
          await editor.openDialog(type);
          assert.deepEqual(
            await editor.dialogErrors().then((errors) => errors.filter((id) => !id)),
            [],
            type,
          );
          await editor.screenshot(`dialog-${type}-${version}-${scheme}`, ".red-ui-tray");
          await editor.closeDialog("cancel");
        }
        await editor.assertNoErrors();
      });
    });
  }
}
