import { strict as assert } from "node:assert";
import { useBrowser } from "../support/browser.js";
import { Editor } from "../support/editor.js";
import { type FlowNode, useNodeRed } from "../support/node-red.js";
import { editorVersions } from "./components.js";
import { problems } from "./problem-lines.js";

const flow: FlowNode[] = [
  { id: "tab", type: "tab", label: "New nodes" },
  { id: "kafka", type: "flume-kafka-source", z: "tab", name: "", x: 160, y: 80, wires: [[]] },
  { id: "hdfs", type: "flume-hdfs-sink", z: "tab", name: "", x: 160, y: 160, wires: [] },
  {
    id: "long",
    type: "flume-hdfs-sink",
    z: "tab",
    name: "",
    path: "/flume/datetime=%y%m%d/hour=%H",
    x: 160,
    y: 240,
    wires: [],
  },
];

for (const version of editorVersions) {
  describe(`editor ${version}: a node that is new`, function () {
    this.timeout(180_000);
    const nodeRed = useNodeRed({ version, flows: flow });
    const browser = useBrowser();
    let editor: Editor;

    beforeEach(async () => {
      editor = await Editor.open(browser(), nodeRed().url, { width: 1300, height: 1000 });
    });
    afterEach(async () => {
      await editor?.assertNoErrors();
      await editor?.close();
    });

    it("says at once what is missing", async () => {
      await editor.openDialog("kafka");
      const [cluster, topics, ...more] = await problems(editor);
      assert.match(cluster ?? "", /^Cluster: no configuration node is chosen\./);
      assert.match(topics ?? "", /^Neither topics nor a pattern/);
      assert.deepEqual(more, []);
      await editor.fill("node-input-topicsRegex", "logs-.*");
      assert.equal((await problems(editor)).length, 1);
      await editor.closeDialog("cancel");

      await editor.openDialog("hdfs");
      const path = await editor.page.$("#node-input-path");
      assert.equal(await path?.evaluate((field) => field.getAttribute("placeholder")), "A value is needed");
      const preview = () => editor.page.$eval(".headrace-preview-lines", (lines) => lines.textContent);
      assert.equal(await preview(), "Shown when Path is filled in.");
      await editor.fill("node-input-path", "/logs");
      assert.match((await preview()) ?? "", /^\/logs\/FlumeData/);
      await editor.closeDialog("cancel");
    });

    it("has no settings of ports that a node does not have, and no heading over nothing", async () => {
      const isShown = (selector: string) =>
        editor.page.$eval(selector, (element) => element.checkVisibility({ checkVisibilityCSS: true }));
      await editor.openDialog("hdfs");
      await editor.page.click(".headrace-advanced summary");
      assert.equal(await isShown("#node-input-settleWithin"), false);
      await editor.page.select("#node-input-refused", "port");
      assert.equal(await isShown("#node-input-settleWithin"), true);
      await editor.closeDialog("cancel");

      await editor.openConfigDialog("flume-kafka-cluster");
      assert.equal(await isShown(".headrace-advanced"), false);
      await editor.page.select("#node-config-input-mechanism", "OAUTHBEARER");
      assert.equal(await isShown(".headrace-advanced"), true);
      await editor.closeDialog("cancel");
    });

    it("has a label that leaves room for its neighbours, whatever its path is", async () => {
      const label = await editor.page.$eval("[id='long'] .red-ui-flow-node-label", (text) => text.textContent);
      assert.equal(label, "hdfs /flume/datet…m%d/hour=%H");
    });
  });
}
