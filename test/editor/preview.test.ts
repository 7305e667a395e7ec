import { strict as assert } from "node:assert";
import { useBrowser } from "../support/browser.js";
import { Editor } from "../support/editor.js";
import { type FlowNode, useNodeRed } from "../support/node-red.js";
import { editorVersions } from "./components.js";

const flow: FlowNode[] = [
  { id: "tab", type: "tab", label: "Previews" },
  {
    id: "sink",
    type: "flume-hdfs-sink",
    z: "tab",
    name: "",
    cluster: "cluster",
    path: "/logs/%{app}/%Y",
    timeZone: "UTC",
    fileType: "DataStream",
    x: 160,
    y: 80,
    wires: [],
  },
  {
    id: "classes",
    type: "flume-hdfs-sink",
    z: "tab",
    cluster: "cluster",
    path: "/logs",
    fileType: "compressedstream",
    codeC: "org.apache.hadoop.io.compress.BZip2Codec",
    serializer: "org.apache.flume.serialization.HeaderAndBodyTextEventSerializer$Builder",
    x: 160,
    y: 160,
    wires: [],
  },
  { id: "cluster", type: "flume-hdfs-cluster", urls: "http://localhost:9870" },
];

for (const version of editorVersions) {
  describe(`editor ${version}: the preview in a dialog`, function () {
    this.timeout(180_000);
    const nodeRed = useNodeRed({ version, flows: flow });
    const browser = useBrowser();

    it("shows path and name of a sample event as one types, and what is wrong with them", async () => {
      const editor = await Editor.open(browser(), nodeRed().url, { width: 1300, height: 1000 });
      await editor.openDialog("sink");
      const shown = () => editor.page.$eval(".headrace-preview-lines", (lines) => (lines as HTMLElement).innerText);
      const year = new Date().getUTCFullYear();
      await editor.fill("headrace-preview-sample", "app=shop, x=<b>y</b>");
      assert.match(
        await shown(),
        new RegExp(
          `^/logs/shop/${year}/FlumeData\\.\\d+  ?\\(.+\\)\\n/logs/shop/${year}/FlumeData\\.\\d+\\.tmp  ?\\(.+\\)$`,
        ),
      );
      await editor.fill("node-input-filePrefix", "%{x}");
      assert.match(await shown(), /cannot be a place in HDFS/);
      await editor.fill("node-input-filePrefix", "orders-%y");
      assert.match(await shown(), new RegExp(`/logs/shop/${year}/orders-${String(year).slice(2)}\\.`));
      await editor.fill("headrace-preview-sample", "app=../../etc");
      assert.match(await shown(), /cannot be a place in HDFS/);
      await editor.fill("node-input-timeZone", "Moon");
      assert.match(await shown(), /"Moon" is not a time zone/);
      await editor.screenshot(`preview-${version}`, ".red-ui-tray");
      await editor.closeDialog("cancel");
      await editor.assertNoErrors();
      await editor.close();
    });

    it("takes a codec and a serializer by the names of their classes, and shows them by their own", async () => {
      const editor = await Editor.open(browser(), nodeRed().url, { width: 1300, height: 1000 });
      await editor.openDialog("classes");
      const chosen = (name: string) =>
        editor.page.$eval(`#node-input-${name}`, (field) => (field as HTMLSelectElement).value);
      const names = ["fileType", "codeC", "serializer"];
      assert.deepEqual(await Promise.all(names.map(chosen)), ["CompressedStream", "bzip2", "HEADER_AND_TEXT"]);
      const preview = await editor.page.$eval(".headrace-preview-lines", (lines) => (lines as HTMLElement).innerText);
      assert.match(preview, /^\/logs\/FlumeData\.\d+\.bz2/);
      await editor.closeDialog("cancel");
      await editor.assertNoErrors();
      await editor.close();
    });
  });
}
