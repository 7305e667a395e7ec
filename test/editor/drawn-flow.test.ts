import { strict as assert } from "node:assert";
import { useBrowser } from "../support/browser.js";
import { Editor } from "../support/editor.js";
import { eventually } from "../support/eventually.js";
import { useNodeRed } from "../support/node-red.js";
import { listenerPort } from "../support/ports.js";
import { clientOf } from "../support/test-palette.js";
import { editorVersions } from "./components.js";

for (const version of editorVersions) {
  describe(`editor ${version}: a flow drawn by hand`, function () {
    this.timeout(180_000);
    const nodeRed = useNodeRed({ version, flows: [{ id: "tab", type: "tab", label: "First flow" }] });
    const browser = useBrowser();
    let editor: Editor;

    before(async () => {
      editor = await Editor.open(browser(), nodeRed().url, { width: 1280, height: 760, scale: 2 });
    });
    after(async () => {
      await editor?.close();
    });

    it("takes lines from a client and shows them, and goes on as a copy", async () => {
      const port = await listenerPort();
      const source = await editor.addNode("flume-netcat-source", { x: 120, y: 120 });
      const channel = await editor.addNode("flume-memory-channel", { x: 340, y: 120 });
      const sink = await editor.addNode("flume-logger-sink", { x: 560, y: 120 });
      await editor.wire(source, 0, channel);
      await editor.wire(channel, 0, sink);
      await editor.openDialog(source);
      await editor.fill("node-input-port", String(port));
      await editor.closeDialog("ok");
      await editor.openDialog(sink);
      await editor.page.click("#node-input-toDebug");
      await editor.closeDialog("ok");
      assert.deepEqual(await editor.invalidNodes(), []);
      await editor.deploy();
      await editor.showSidebar("debug");
      await editor.waitForStatus(channel, /%/);

      const client = await clientOf(port);
      assert.equal(await client.ask("Hello"), "OK");
      await editor.waitForDebug(/Hello/);
      for (const line of ["Everything flows", "and nothing is lost"]) assert.equal(await client.ask(line), "OK");
      // A rate is shown for a second, which a busy browser may miss.
      await eventually(async () => {
        assert.equal(await client.ask("and goes on"), "OK");
        return /[1-9].*\/s/.test(await editor.statusText(source));
      });
      await editor.page.mouse.click(640, 500);
      await editor.screenshot(`first-flow-${version}`);
      await client.end();

      // A copy has new ids, and wires of its own; its port is taken, which is told there and harms nobody else.
      const nodes = (await editor.exportFlows()).filter(({ z }) => z !== undefined);
      await editor.importFlow([
        { id: "copy", type: "tab", label: "Copy" },
        ...nodes.map((node) => ({ ...node, z: "copy" })),
      ]);
      await editor.deploy();
      const copies = (await nodeRed().flows()).filter(({ z, id }) => z && !nodes.some((node) => node.id === id));
      assert.equal(copies.length, 3);
      const [copy, copiedChannel] = copies;
      assert.ok(copy && copiedChannel);
      assert.deepEqual(copy.wires, [[copiedChannel.id]]);
      await eventually(async () => nodeRed().comms.statuses.get(copy.id)?.fill === "red");
      // As text, which begins with what is wrong, not as an object to be unfolded.
      await editor.waitForDebug(/^"?Port \d+ on \S+ is in use by another program\. Stop /);
      const again = await clientOf(port);
      assert.equal(await again.ask("Hello again"), "OK");
      await again.end();
      await editor.assertNoErrors();
    });

    it("is there in the dark too", async () => {
      const dark = await Editor.open(browser(), nodeRed().url, { width: 1280, height: 760, scale: 2, scheme: "dark" });
      await dark.screenshot(`first-flow-${version}-dark`);
      await dark.assertNoErrors();
      await dark.close();
    });
  });
}
