import { strict as assert } from "node:assert";
import type { ElementHandle } from "puppeteer-core";
import { useBrowser } from "../support/browser.js";
import { Editor } from "../support/editor.js";
import { type FlowNode, useNodeRed } from "../support/node-red.js";
import { editorVersions } from "./components.js";
import { problems } from "./problem-lines.js";

const flow: FlowNode[] = [
  { id: "tab", type: "tab", label: "Edited by hand" },
  { id: "netcat", type: "flume-netcat-source", z: "tab", name: "", x: 160, y: 80, wires: [[]] },
  { id: "memory", type: "flume-memory-channel", z: "tab", name: "", x: 400, y: 80, wires: [[]] },
  {
    id: "selector",
    type: "flume-channel-selector",
    z: "tab",
    name: "",
    selector: "multiplexing",
    channels: [
      { name: "east", values: "cn", optionalValues: "", isDefault: false, optional: false },
      { name: "west", values: "us", optionalValues: "", isDefault: true, optional: false },
    ],
    outputs: 2,
    x: 160,
    y: 240,
    wires: [["memory"], ["other"]],
  },
  { id: "other", type: "flume-memory-channel", z: "tab", name: "", x: 400, y: 240, wires: [[]] },
  { id: "rules", type: "flume-interceptors", z: "tab", name: "", x: 160, y: 160, wires: [["memory"]] },
];

/** Not by three clicks: on a busy machine they come too far apart to select all. */
async function overwrite(field: ElementHandle<Element>, text: string): Promise<void> {
  await field.click();
  await field.evaluate((element) => (element as HTMLInputElement).select());
  await field.type(text);
}

async function stored(editor: Editor, id: string): Promise<FlowNode> {
  const node = (await editor.exportFlows()).find((candidate) => candidate.id === id);
  assert.ok(node, id);
  return node;
}

for (const version of editorVersions) {
  describe(`editor ${version}: what is typed into a dialog`, function () {
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

    it("is told what is wrong at once, with what to do, and kept as a number when it is right", async () => {
      await editor.openDialog("netcat");
      await editor.fill("node-input-port", "70000");
      assert.deepEqual(await problems(editor), [
        "Port is 70000, but must be between 1 and 65535. Correct Port, and deploy again.",
      ]);
      assert.deepEqual(await editor.dialogErrors(), ["node-input-port"]);
      assert.equal(await editor.page.$eval("#node-input-port", (field) => field.getAttribute("aria-invalid")), "true");
      await editor.screenshot(`problem-${version}`, ".red-ui-tray");
      await editor.closeDialog("ok");
      assert.deepEqual(await editor.invalidNodes(), ["netcat"]);

      await editor.openDialog("netcat");
      await editor.fill("node-input-port", "44445");
      assert.deepEqual(await problems(editor), []);
      // Of an empty field that has a default, that is what counts, and what it shows.
      await editor.fill("node-input-bind", "");
      assert.deepEqual(await problems(editor), []);
      assert.equal(
        await editor.page.$eval("#node-input-bind", (field) => field.getAttribute("placeholder")),
        "127.0.0.1",
      );
      await editor.page.click("#node-input-ackEveryEvent");
      await editor.closeDialog("ok");
      assert.deepEqual(await editor.invalidNodes(), []);
      const { port, ackEveryEvent, version: stamp } = await stored(editor, "netcat");
      assert.deepEqual({ port, ackEveryEvent, stamp }, { port: 44445, ackEveryEvent: false, stamp: 1 });
    });

    it("is checked against its neighbours", async () => {
      await editor.openDialog("memory");
      await editor.fill("node-input-transactionCapacity", "200");
      assert.match(
        (await problems(editor))[0] ?? "",
        /^Transaction capacity is 200, which is more than Capacity \(100\)/,
      );
      await editor.fill("node-input-capacity", "1000");
      assert.deepEqual(await problems(editor), []);
      await editor.closeDialog("ok");
      assert.deepEqual(await editor.invalidNodes(), []);
      assert.equal((await stored(editor, "memory"))["capacity"], 1000);
    });

    it("may be an environment variable", async () => {
      await editor.openDialog("netcat");
      await editor.fill("node-input-port", "${PORT}");
      assert.deepEqual(await problems(editor), []);
      await editor.closeDialog("ok");
      assert.equal((await stored(editor, "netcat"))["port"], "${PORT}");
      assert.deepEqual(await editor.invalidNodes(), []);
    });

    it("makes an ordered list of rules, by keyboard too", async () => {
      await editor.openDialog("rules");
      const add = ".red-ui-editableList-addButton";
      await editor.page.click(add);
      await editor.page.click(add);
      const kinds = await editor.page.$$(".headrace-entry-kind");
      await kinds[1]?.select("static");
      const fields = await editor.page.$$(".headrace-entry:nth-child(1) [data-field='key'] input");
      const [key] = fields;
      assert.ok(key);
      await overwrite(key, "tier");
      await editor.press("Alt", "ArrowUp");
      await editor.screenshot(`rules-${version}`, ".red-ui-tray");
      await editor.closeDialog("ok");
      assert.deepEqual((await stored(editor, "rules"))["rules"], [
        { type: "static", key: "tier", value: "value", preserveExisting: true },
        { type: "timestamp", headerName: "timestamp", preserveExisting: false },
      ]);

      await editor.openDialog("rules");
      await editor.page.select(".headrace-entry-kind", "regex_filter");
      const regex = await editor.page.$("[data-field='regex'] input");
      assert.ok(regex);
      await overwrite(regex, "a(");
      assert.match((await problems(editor))[0] ?? "", /^Pattern is not a regular expression/);
      await editor.closeDialog("ok");
      assert.deepEqual(await editor.invalidNodes(), ["rules"]);
    });

    it("gives refused events a port of their own, and takes it away again, with the other wires left alone", async () => {
      await editor.openDialog("rules");
      await editor.page.click(".headrace-advanced summary");
      await editor.page.select("#node-input-refused", "port");
      await editor.closeDialog("ok");
      const withPort = await stored(editor, "rules");
      assert.deepEqual([withPort["outputs"], withPort.wires], [2, [["memory"], []]]);

      await editor.openDialog("rules");
      await editor.page.click(".headrace-advanced summary");
      await editor.page.select("#node-input-refused", "block");
      await editor.closeDialog("ok");
      const without = await stored(editor, "rules");
      assert.deepEqual([without["outputs"], without.wires], [1, [["memory"]]]);
    });

    it("moves, adds and removes output ports with their wires", async () => {
      await editor.openDialog("selector");
      const [first] = await editor.page.$$(".headrace-entry [data-field='name'] input");
      await first?.focus();
      await editor.press("Alt", "ArrowDown");
      await editor.page.click(".red-ui-editableList-addButton");
      await editor.page.keyboard.type("rest");
      await editor.closeDialog("ok");
      const moved = await stored(editor, "selector");
      assert.deepEqual(
        (moved["channels"] as { name: string }[]).map(({ name }) => name),
        ["west", "east", "rest"],
      );
      assert.deepEqual([moved["outputs"], moved.wires], [3, [["other"], ["memory"], []]]);

      await editor.openDialog("selector");
      await editor.page.click(".red-ui-editableList-item-remove");
      await editor.page.waitForFunction(() => document.querySelectorAll(".headrace-entry").length === 2);
      await editor.closeDialog("ok");
      const removed = await stored(editor, "selector");
      assert.deepEqual([removed["outputs"], removed.wires], [2, [["memory"], []]]);
    });

    it("shows what applies, and hides what does not", async () => {
      const shown = async (selector: string) =>
        await editor.page.$$eval(selector, (all) => all.some((e) => (e as HTMLElement).offsetParent !== null));
      await editor.openDialog("selector");
      assert.ok(await shown("#node-input-header"));
      assert.ok(await shown("[data-field='values']"));
      await editor.page.select("#node-input-selector", "load_balancing");
      assert.ok(!(await shown("#node-input-header")));
      assert.ok(!(await shown("[data-field='values']")));
      assert.ok(await shown("#node-input-policy"));
      await editor.closeDialog("cancel");
    });

    it("labels ports and nodes with what is in them", async () => {
      const label = async (id: string, index: number) =>
        await editor.page.evaluate(
          (node, port) => {
            const { RED: red } = window as unknown as {
              RED: { nodes: { node(id: string): { _def: { outputLabels(this: unknown, port: number): string } } } };
            };
            const found = red.nodes.node(node);
            return found._def.outputLabels.call(found, port);
          },
          id,
          index,
        );
      assert.deepEqual(await Promise.all([label("selector", 0), label("selector", 1)]), ["1: east", "2: west"]);
      assert.equal(await label("memory", 0), "events, to a sink");
    });

    it("is answered in Chinese when the editor is", async () => {
      const chinese = await Editor.open(browser(), nodeRed().url, { width: 1300, height: 1000, language: "zh-CN" });
      await chinese.openDialog("netcat");
      await chinese.fill("node-input-port", "0");
      assert.deepEqual(await problems(chinese), ["端口 为 0，但必须在 1 到 65535 之间。 请更正 端口，然后重新部署。"]);
      await chinese.screenshot(`problem-${version}-zh-CN`, ".red-ui-tray");
      await chinese.closeDialog("cancel");
      await chinese.page.$eval("#red-ui-palette-container-flume", (element) => element.scrollIntoView());
      await chinese.screenshot(`palette-${version}-zh-CN`, "#red-ui-palette-container-flume");
      await chinese.assertNoErrors();
      await chinese.close();
    });
  });
}
