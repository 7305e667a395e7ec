import { strict as assert } from "node:assert";
import { useBrowser } from "../support/browser.js";
import { Editor } from "../support/editor.js";
import { eventually } from "../support/eventually.js";
import { useNodeRed } from "../support/node-red.js";

for (const version of ["5", "4.1"] as const) {
  describe(`harness: the editor of Node-RED ${version}`, function () {
    this.timeout(180_000);
    const nodeRed = useNodeRed({
      version,
      palette: false,
      flows: [{ id: "tab", type: "tab", label: "Drawn by hand" }],
    });
    const browser = useBrowser();
    let editor: Editor;

    before(async () => {
      editor = await Editor.open(browser(), nodeRed().url);
    });
    after(async () => {
      await editor?.close();
    });

    it("draws a flow with the mouse, deploys it and sees it run", async () => {
      const inject = await editor.addNode("inject", { x: 120, y: 120 });
      const change = await editor.addNode("function", { x: 340, y: 120 });
      const debug = await editor.addNode("debug", { x: 560, y: 200 });
      await editor.wire(inject, 0, change);
      await editor.wire(change, 0, debug);

      await editor.openDialog(change);
      await editor.fill("node-input-name", "from the keyboard");
      await editor.screenshot(`harness-${version}-dialog`);
      await editor.closeDialog("ok");
      await editor.deploy();

      const deployed = await nodeRed().flows();
      assert.equal(deployed.find(({ id }) => id === change)?.["name"], "from the keyboard");
      assert.deepEqual(deployed.find(({ id }) => id === inject)?.wires, [[change]]);

      await editor.showSidebar("debug");
      await eventually(async () => {
        await nodeRed().inject(inject);
        return true;
      });
      await editor.waitForDebug(/\d{13}/);
      assert.deepEqual(await editor.invalidNodes(), []);
      await editor.assertNoErrors();
      await editor.screenshot(`harness-${version}-light`);
    });

    it("shows status, and takes pictures in the dark", async () => {
      const func = 'node.status({ fill: "green", shape: "dot", text: "42 ev/s" });';
      await nodeRed().deploy([
        { id: "tab", type: "tab", label: "Given" },
        {
          id: "status",
          type: "function",
          z: "tab",
          name: "with status",
          func: "",
          initialize: func,
          outputs: 1,
          wires: [[]],
        },
      ]);
      const dark = await Editor.open(browser(), nodeRed().url, { scheme: "dark", language: "zh-CN" });
      assert.equal(await dark.waitForStatus("status", /42/), "42 ev/s");
      await dark.screenshot(`harness-${version}-dark`);
      await dark.assertNoErrors();
      await dark.close();
    });
  });
}
