import { strict as assert } from "node:assert";
import { useBrowser } from "../support/browser.js";
import { Editor } from "../support/editor.js";
import { type FlowNode, useNodeRed } from "../support/node-red.js";
import { editorVersions } from "./components.js";

/** A channel on its way to the sink. */
const node = (id: string, type: string, y: number, more: Record<string, unknown> = {}): FlowNode => ({
  id,
  type,
  z: "tab",
  name: id,
  x: 200,
  y,
  wires: [["sink"]],
  ...more,
});

const flow: FlowNode[] = [
  { id: "tab", type: "tab", label: "Promises" },
  node("file", "flume-file-channel", 60),
  node("variable", "flume-file-channel", 120, { fsyncPerTransaction: "${SYNC}" }),
  node("memory", "flume-memory-channel", 180),
  node("spillable", "flume-spillable-channel", 240),
  { ...node("sink", "flume-null-sink", 150), x: 500, wires: [] },
];

/** What the status and the metrics say of each; the variable is set to false. */
const promised: Record<string, [string, string]> = {
  file: ["power-safe", "power-loss"],
  variable: ["crash-safe", "process-crash"],
  memory: ["lost on crash", "none"],
  spillable: ["partly safe", "partial"],
};

for (const version of editorVersions) {
  describe(`editor ${version}: what a channel promises, in its dialog`, function () {
    this.timeout(180_000);
    const nodeRed = useNodeRed({ version, flows: flow, env: { SYNC: "false" } });
    const browser = useBrowser();

    it("changes with the settings as they are changed", async () => {
      const editor = await Editor.open(browser(), nodeRed().url, { width: 1300, height: 1100 });
      const shown = () => editor.page.$eval(".headrace-promise [role=status]", (line) => line.textContent);
      await editor.openDialog("file");
      assert.match((await shown()) ?? "", /power failure\.$/);
      await editor.screenshot(`promise-${version}`, ".red-ui-tray");
      await editor.page.click("#node-input-fsyncPerTransaction");
      assert.match((await shown()) ?? "", /power failure may lose/);
      await editor.page.click("#node-input-fsyncPerTransaction");
      assert.match((await shown()) ?? "", /power failure\.$/);
      await editor.closeDialog("cancel");

      await editor.openDialog("variable");
      assert.equal(await shown(), "Depends on ${SYNC}.");
      await editor.closeDialog("cancel");

      await editor.openDialog("memory");
      assert.match((await shown()) ?? "", /^Not safe/);
      await editor.closeDialog("cancel");

      await editor.openDialog("spillable");
      assert.match((await shown()) ?? "", /in memory does not/);
      await editor.fill("node-input-memoryCapacity", "0");
      assert.match((await shown()) ?? "", /power failure\.$/);
      await editor.fill("node-input-overflowCapacity", "0");
      assert.match((await shown()) ?? "", /^Not safe/);
      await editor.closeDialog("cancel");
      await editor.assertNoErrors();
      await editor.close();
    });

    it("stands under the node and in the metrics", async () => {
      for (const [id, [text]] of Object.entries(promised)) {
        await nodeRed().comms.waitForStatus(id, (status) => status.fill === "green" && status.text === `0 % · ${text}`);
      }
      const metrics = await nodeRed().adminGet<Record<string, Record<string, string>>>("/headrace/metrics");
      for (const [id, [, durability]] of Object.entries(promised)) {
        assert.equal(metrics[`CHANNEL.${id}`]?.["Durability"], durability, id);
      }
      assert.ok(!("Durability" in (metrics["SINK.sink"] ?? {})));
      for (const scheme of ["light", "dark"] as const) {
        const editor = await Editor.open(browser(), nodeRed().url, { width: 1000, height: 600, scheme, scale: 2 });
        await editor.waitForStatus("spillable", /partly safe/);
        await editor.screenshot(`promise-canvas-${scheme}-${version}`, "#red-ui-workspace");
        await editor.close();
      }
    });

    it("is told in Chinese and in the dark", async () => {
      const options = { width: 1300, height: 1100, scheme: "dark", language: "zh-CN" } as const;
      const editor = await Editor.open(browser(), nodeRed().url, options);
      await editor.openDialog("file");
      const line = await editor.page.$eval(".headrace-promise [role=status]", (element) => element.textContent);
      assert.match(line ?? "", /断电后仍然存在/);
      await editor.screenshot(`promise-dark-${version}`, ".red-ui-tray");
      await editor.closeDialog("cancel");
      await editor.close();
    });
  });
}
