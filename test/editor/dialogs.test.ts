import { strict as assert } from "node:assert";
import type { Declaration } from "../../lib/engine/component.js";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { useBrowser } from "../support/browser.js";
import { Editor } from "../support/editor.js";
import { type FlowNode, useNodeRed } from "../support/node-red.js";
import { root } from "../support/machine.js";
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

/** Nodes whose lists are filled, for the pictures. */
const filled: FlowNode[] = [
  {
    id: "filled-rules",
    type: "flume-interceptors",
    z: "tab",
    name: "",
    refused: "port",
    outputs: 2,
    rules: [
      { type: "timestamp", headerName: "timestamp", preserveExisting: false },
      { type: "regex_filter", regex: "a(", excludeEvents: false },
      { type: "regex_extractor", regex: "^(\\w+) (\\S+)", serializers: "level, time:millis(yyyy-MM-dd)" },
    ],
    x: 180,
    y: 480,
    wires: [[], []],
  },
  {
    id: "filled-selector",
    type: "flume-channel-selector",
    z: "tab",
    name: "",
    selector: "multiplexing",
    header: "country",
    channels: [
      { name: "east", values: "cn, jp", optionalValues: "", isDefault: false, optional: false },
      { name: "west", values: "us", optionalValues: "cn", isDefault: true, optional: false },
    ],
    outputs: 2,
    x: 460,
    y: 480,
    wires: [[], []],
  },
  {
    id: "filled-processor",
    type: "flume-sink-processor",
    z: "tab",
    name: "",
    processor: "failover",
    sinks: [
      { name: "first", priority: 10 },
      { name: "second", priority: 5 },
    ],
    outputs: 2,
    x: 720,
    y: 480,
    wires: [[], []],
  },
];

for (const version of editorVersions) {
  for (const scheme of schemes[version]) {
    describe(`editor ${version}, ${scheme}: palette and dialogs`, function () {
      this.timeout(180_000);
      let all: Declaration[];
      const nodeRed = useNodeRed(async () => {
        all = await declarations("node");
        return { version, flows: [...oneOfEach(all), ...filled] };
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

      it("serves each node's own icon", async () => {
        for (const { icon } of all) {
          const response = await fetch(`${nodeRed().url}/icons/@headrace/node-red-flume/${icon}`);
          // Node-RED answers with an arrow, and 200, when there is no such icon.
          assert.equal(await response.text(), await readFile(join(root, "icons", icon), "utf8"), icon);
        }
      });

      it("opens each dialog without errors", async function () {
        // One after another, each of them waited for on its own.
        this.timeout(600_000);
        for (const { type } of all) {
          await editor.openDialog(type);
          assert.deepEqual(await editor.dialogErrors().then((errors) => errors.filter((id) => !id)), [], type);
          await editor.screenshot(`dialog-${type}-${version}-${scheme}`, ".red-ui-tray");
          await editor.closeDialog("cancel");
        }
        await editor.assertNoErrors();
      });

      it("opens the dialog of each configuration node", async () => {
        for (const { type, properties } of await declarations("config")) {
          await editor.openConfigDialog(type);
          const marked = (await editor.dialogErrors()).map((id) => id.replace("node-config-input-", ""));
          assert.deepEqual(
            marked.filter((name) => !properties[name]?.required),
            [],
            `${type}: what may be empty is marked`,
          );
          await editor.screenshot(`dialog-${type}-${version}-${scheme}`, ".red-ui-tray");
          await editor.closeDialog("cancel");
        }
        await editor.assertNoErrors();
      });

      it("shows lists, and what is wrong in them", async () => {
        for (const { id } of filled) {
          await editor.openDialog(id);
          for (const summary of await editor.page.$$(".headrace-advanced summary")) await summary.click();
          await editor.page.focus(".headrace-entry input");
          await editor.screenshot(`dialog-${id}-${version}-${scheme}`, ".red-ui-tray");
          await editor.closeDialog("cancel");
        }
        await editor.assertNoErrors();
      });

      it("shows the help of each node", async () => {
        await editor.showSidebar("help");
        for (const { type } of all) {
          await editor.page.evaluate((wanted) => {
            const { RED: red } = window as unknown as { RED: { sidebar: { help: { show(type: string): void } } } };
            red.sidebar.help.show(wanted);
          }, type);
          const text = await editor.page.$eval(".red-ui-sidebar-help-stack .red-ui-help", (e) => e.textContent ?? "");
          assert.ok(text.length > 100, type);
        }
        // The sidebar shows a part only: for the picture the help gets a column of its own.
        for (const { type } of all.filter((_, index) => index % 4 === 0)) {
          await editor.page.evaluate((wanted) => {
            const { RED: red } = window as unknown as { RED: { nodes: { getNodeHelp(type: string): string } } };
            const column = document.createElement("div");
            column.id = "help-picture";
            column.className = "red-ui-help red-ui-editor";
            column.style.cssText =
              "position:absolute;z-index:1000;top:0;left:0;width:340px;padding:12px;background:var(--red-ui-secondary-background)";
            column.innerHTML = red.nodes.getNodeHelp(wanted);
            document.body.append(column);
          }, type);
          await editor.screenshot(`help-${type}-${version}-${scheme}`, "#help-picture");
          await editor.page.$eval("#help-picture", (column) => column.remove());
        }
        await editor.assertNoErrors();
      });
    });
  }
}
