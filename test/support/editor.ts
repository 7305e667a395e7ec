import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Browser, ElementHandle, KeyInput, Page } from "puppeteer-core";
import { root } from "./machine.js";
import type { FlowNode } from "./node-red.js";

export interface EditorOptions {
  /** Node-RED 4.1 has no dark theme. */
  readonly scheme?: "light" | "dark";
  readonly width?: number;
  readonly height?: number;
  /** 2 for pictures that are looked at. */
  readonly scale?: number;
  /** For instance zh-CN. */
  readonly language?: string;
}

export interface Point {
  readonly x: number;
  readonly y: number;
}

/** What tests use of the global that the editor puts on its page; it has no published types. */
interface EditorGlobal {
  workspaces?: { active(): string | 0; show(id: string): void };
  view: {
    select(selection: { nodes: unknown[] }): void;
    importNodes(flow: unknown, options: object): void;
    redraw(all: boolean, now: boolean): void;
    reveal(id: string): void;
  };
  nodes: {
    node(id: string): { id: string; valid?: boolean } | null;
    eachNode(visit: (node: { id: string; type: string; z: string; valid?: boolean }) => void): void;
    createCompleteNodeSet(): FlowNode[];
    dirty(state?: boolean): boolean;
  };
  actions: { invoke(name: string): void };
  sidebar: { show(tab: string): void };
  editor: { editConfig(name: string, type: string, id: string): void };
}
declare const RED: EditorGlobal;

/** Steps of a dragging mouse: the editor takes a press and a jump for a click. */
const DRAG_STEPS = 12;

/** How long the page may take for what it does at once on a quiet machine. */
const PATIENCE_MS = 30_000;

/** How long it may take to load: megabytes of scripts, on a machine that starts a browser and a Node-RED at the same time. */
const LOADING_MS = 90_000;

const CODE_EDITOR_FOCUS_MS = 300;

/** An open editor, used as a person uses it: with mouse and keyboard wherever that is what is to be proved. */
export class Editor {
  readonly page: Page;
  /** Errors that the page wrote to its console or threw. */
  readonly consoleErrors: string[] = [];

  private constructor(page: Page) {
    this.page = page;
    page.on("console", (message) => {
      if (message.type() === "error") {
        this.consoleErrors.push(`${message.text()} (${message.location().url ?? "no address"})`);
      }
    });
    page.on("pageerror", (error) => {
      this.consoleErrors.push(String(error instanceof Error ? (error.stack ?? error.message) : error));
    });
  }

  /** Opens the editor and waits until the palette and the flow are there. */
  static async open(browser: Browser, url: string, options: EditorOptions = {}): Promise<Editor> {
    const { scheme = "light", width = 1400, height = 1000, scale = 1, language } = options;
    // A context of its own: the editor keeps its layout, theme and last tab in local storage.
    const context = await browser.createBrowserContext();
    const page = await context.newPage();
    await page.setViewport({ width, height, deviceScaleFactor: scale });
    await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
    if (language) await page.setExtraHTTPHeaders({ "Accept-Language": language });
    await page.evaluateOnNewDocument(
      (settings) => {
        // Local settings of the editor's own. The page is about:blank first, which has no storage.
        if (location.protocol === "about:") return;
        for (const [key, value] of Object.entries(settings)) if (value) localStorage.setItem(key, value);
      },
      { "editor-language": language, "view-dark-theme": scheme },
    );
    const editor = new Editor(page);
    await hideTips(url);
    await page.goto(url, { waitUntil: "domcontentloaded", timeout: LOADING_MS });
    await page.waitForFunction(
      () => {
        const palette = document.querySelector(".red-ui-palette-node[data-palette-type='inject']");
        const loader = document.querySelector<HTMLElement>("#red-ui-loading-progress");
        const loading = loader !== null && loader.offsetParent !== null;
        return typeof RED !== "undefined" && RED.workspaces?.active() && palette && !loading;
      },
      { timeout: LOADING_MS },
    );
    await editor.#settled();
    return editor;
  }

  /** Types shown in the palette, from top to bottom. */
  async paletteTypes(): Promise<string[]> {
    return await this.page.$$eval(".red-ui-palette-node", (elements) =>
      elements.map((element) => element.getAttribute("data-palette-type") ?? ""),
    );
  }

  /**
   * Drags a node from the palette to the workspace with the mouse.
   * @param at its middle, from the upper left corner of the visible workspace
   * @returns its id
   */
  async addNode(type: string, at: Point): Promise<string> {
    const before = new Set(await this.nodeIds());
    const entry = await this.#find(`.red-ui-palette-node[data-palette-type='${type}']`);
    await entry.evaluate((element) => element.scrollIntoView({ block: "center" }));
    const from = await middleOf(entry);
    const chart = await (await this.#find("#red-ui-workspace-chart")).boundingBox();
    if (!chart) throw new Error("The workspace is not visible");
    await this.drag(from, await this.#inWorkspace(at));
    const added = await this.page.waitForFunction(
      (known) => {
        let found: string | undefined;
        RED.nodes.eachNode(({ id }) => {
          if (!known.includes(id) && document.getElementById(id)) found = id;
        });
        return found;
      },
      { timeout: PATIENCE_MS },
      [...before],
    );
    return (await added.jsonValue()) as string;
  }

  /** Draws a wire with the mouse, from an output port (0 is the first) to the input of a node. */
  async wire(fromId: string, outputPort: number, toId: string): Promise<void> {
    const output = await this.#port(fromId, "output", outputPort);
    const input = await this.#port(toId, "input", 0);
    await this.drag(await middleOf(output), await middleOf(input));
    await this.page.waitForFunction(
      (from, port, to) =>
        RED.nodes.createCompleteNodeSet().some(({ id, wires }) => id === from && wires?.[port]?.includes(to)),
      { timeout: PATIENCE_MS },
      fromId,
      outputPort,
      toId,
    );
  }

  async drag(from: Point, to: Point): Promise<void> {
    const { mouse } = this.page;
    await mouse.move(from.x, from.y);
    await mouse.down();
    await mouse.move(to.x, to.y, { steps: DRAG_STEPS });
    await mouse.up();
  }

  /** Opens the dialog of a node on the visible tab with a double click. */
  async openDialog(nodeId: string): Promise<void> {
    const { x, y } = await middleOf(await this.#node(nodeId));
    for (let attempt = 1; ; attempt++) {
      await this.page.mouse.click(x, y, { count: 2, delay: 20 });
      try {
        await this.#dialogIs("#node-dialog-ok");
        return;
      } catch (error) {
        // On a busy machine the editor sees the two clicks too far apart to be one.
        if (attempt === 3) throw error;
      }
    }
  }

  /** Opens the dialog of an existing configuration node, or of a new one when no id is given. */
  async openConfigDialog(type: string, id = "_ADD_"): Promise<void> {
    await this.page.evaluate((wanted, which) => RED.editor.editConfig("", wanted, which), type, id);
    await this.#dialogIs("#node-config-dialog-ok");
  }

  /** Types into a field of the open dialog, over what stands in it. Give the field's id, as in node-input-port. */
  async fill(fieldId: string, value: string): Promise<void> {
    const field = await this.#find(`#${fieldId}`, true);
    await field.click();
    // Not by three clicks: on a busy machine they come too far apart to select all.
    await field.evaluate((element) => (element as HTMLInputElement).select());
    await this.page.keyboard.press("Backspace");
    await field.type(value);
    if (!(await field.evaluate((element) => element === document.activeElement)))
      throw new Error(`Something took the focus while ${fieldId} was being filled`);
    await this.page.keyboard.press("Tab");
  }

  async closeDialog(how: "ok" | "cancel" = "ok"): Promise<void> {
    // The uppermost tray: a configuration node's dialog lies over that of the node which uses it.
    const buttons = await this.page.$$(`#node-config-dialog-${how}, #node-dialog-${how}`);
    const visible = [];
    for (const button of buttons) if (await button.isVisible()) visible.push(button);
    const trays = await this.page.$$(".red-ui-tray");
    const last = visible.at(-1);
    if (!last) throw new Error("No dialog is open");
    await last.click();
    await this.page.waitForFunction(
      (count) => document.querySelectorAll(".red-ui-tray").length < count,
      { timeout: PATIENCE_MS },
      trays.length,
    );
    await this.#settled();
  }

  /** Messages of the fields that are marked as wrong in the open dialog, by the fields' ids. */
  async dialogErrors(): Promise<string[]> {
    return await this.page.$$eval(".red-ui-tray .input-error", (fields) => fields.map((field) => field.id));
  }

  /** Clicks Deploy and waits until the runtime has accepted the flow. */
  async deploy(): Promise<void> {
    const answered = this.page.waitForResponse(
      (response) => response.request().method() === "POST" && new URL(response.url()).pathname === "/flows",
    );
    const { x, y } = await middleOf(await this.#find("#red-ui-header-button-deploy"));
    await this.page.mouse.click(x, y);
    const response = await answered;
    if (!response.ok()) throw new Error(`Deploy answered ${response.status()}: ${await response.text()}`);
    await this.page.waitForFunction(() => !RED.nodes.dirty(), { timeout: PATIENCE_MS });
    // The page is shaded while a deploy is under way.
    await this.page.waitForFunction(
      () =>
        [
          ...document.querySelectorAll<HTMLElement>("#red-ui-full-shade, #red-ui-header-shade, #red-ui-editor-shade"),
        ].every((shade) => shade.offsetParent === null && getComputedStyle(shade).display === "none"),
      { timeout: PATIENCE_MS },
    );
  }

  /** The text under a node on the visible tab; empty when it has no status. */
  async statusText(nodeId: string): Promise<string> {
    const label = await this.page.$(`[id='${nodeId}'] .red-ui-flow-node-status-label`);
    return label ? await label.evaluate((element) => element.textContent?.trim() ?? "") : "";
  }

  async waitForStatus(nodeId: string, pattern: RegExp, within = PATIENCE_MS): Promise<string> {
    await this.page.waitForFunction(
      (id, source) => {
        const label = document.getElementById(id)?.querySelector(".red-ui-flow-node-status-label");
        return label ? new RegExp(source).test(label.textContent ?? "") : false;
      },
      { timeout: within },
      nodeId,
      pattern.source,
    );
    return await this.statusText(nodeId);
  }

  /** What the debug sidebar shows, oldest first. */
  async debugMessages(): Promise<string[]> {
    return await this.page.$$eval(".red-ui-debug-msg .red-ui-debug-msg-payload", (elements) =>
      elements.map((element) => element.textContent?.trim() ?? ""),
    );
  }

  async waitForDebug(pattern: RegExp, within = PATIENCE_MS): Promise<void> {
    await this.page.waitForFunction(
      (source) =>
        [...document.querySelectorAll(".red-ui-debug-msg .red-ui-debug-msg-payload")].some((element) =>
          new RegExp(source).test(element.textContent ?? ""),
        ),
      { timeout: within },
      pattern.source,
    );
  }

  /** Brings a tab of the sidebar to the front: debug, info, help, config … */
  async showSidebar(tab: string): Promise<void> {
    await this.page.evaluate((name) => RED.sidebar.show(name), tab);
  }

  /** Runs an editor action by name, for instance core:zoom-fit. */
  async action(name: string): Promise<void> {
    await this.page.evaluate((wanted) => RED.actions.invoke(wanted), name);
  }

  async press(...keys: KeyInput[]): Promise<void> {
    for (const key of keys) await this.page.keyboard.down(key);
    for (const key of [...keys].reverse()) await this.page.keyboard.up(key);
  }

  /** Imports a flow as Import in the menu does, with new ids; placed at once. */
  async importFlow(flow: readonly FlowNode[]): Promise<void> {
    await this.page.evaluate((nodes) => {
      const options = { generateIds: true, addFlow: true, touchImport: true, notify: false };
      RED.view.importNodes(nodes, options);
    }, flow);
    await this.#settled();
  }

  /** Brings a tab of the workspace to the front. */
  async showTab(tabId: string): Promise<void> {
    await this.page.evaluate((id) => RED.workspaces?.show(id), tabId);
    await this.#settled();
  }

  /** All that the editor would deploy. */
  async exportFlows(): Promise<FlowNode[]> {
    return await this.page.evaluate(() => RED.nodes.createCompleteNodeSet());
  }

  /** Ids of the nodes of all tabs. */
  async nodeIds(): Promise<string[]> {
    return await this.page.evaluate(() => {
      const ids: string[] = [];
      RED.nodes.eachNode(({ id }) => ids.push(id));
      return ids;
    });
  }

  /** Ids of the nodes that the editor marks with a red triangle. */
  async invalidNodes(): Promise<string[]> {
    return await this.page.evaluate(() => {
      const ids: string[] = [];
      RED.nodes.eachNode(({ id, valid }) => {
        if (valid === false) ids.push(id);
      });
      return ids;
    });
  }

  /** Text of the notifications that are open, for instance errors after a deploy. */
  async notifications(): Promise<string[]> {
    return await this.page.$$eval(".red-ui-notification", (elements) =>
      elements.map((element) => element.textContent?.trim() ?? ""),
    );
  }

  /**
   * Takes a picture of the page, or of one element, into build/screenshots.
   * @returns path of the file
   */
  async screenshot(name: string, selector?: string): Promise<string> {
    const folder = join(root, "build", "screenshots");
    await mkdir(folder, { recursive: true });
    const path = join(folder, `${name}.png`) as `${string}.png`;
    await this.page.evaluate(() => {
      // "Successfully deployed" lies over the canvas for seconds. Node-RED takes it away itself, and fails where it is gone.
      for (const element of document.querySelectorAll<HTMLElement>(".red-ui-notification-success")) {
        element.style.visibility = "hidden";
      }
    });
    await this.#settled();
    if (selector) await (await this.#find(selector)).screenshot({ path });
    else await this.page.screenshot({ path });
    return path;
  }

  /** Fails when the page wrote an error to its console or shows one to the person. */
  async assertNoErrors(): Promise<void> {
    const shown = await this.page.$$eval(".red-ui-notification-error", (elements) =>
      elements.map((element) => element.textContent?.trim() ?? ""),
    );
    const errors = [...this.consoleErrors, ...shown];
    if (errors.length > 0) throw new Error(`The editor has errors:\n${errors.join("\n")}`);
  }

  async close(): Promise<void> {
    // The browser may have been closed before: its hook runs first when it was declared first.
    if (this.page.isClosed()) return;
    // Else the page asks whether to leave changes that are not deployed.
    await this.page.evaluate(() => RED.nodes.dirty(false));
    await this.page.browserContext().close();
  }

  async #inWorkspace({ x, y }: Point): Promise<Point> {
    const chart = await (await this.#find("#red-ui-workspace-chart")).boundingBox();
    if (!chart) throw new Error("The workspace is not visible");
    return { x: chart.x + x, y: chart.y + y };
  }

  async #node(id: string): Promise<ElementHandle<Element>> {
    return await this.#find(`[id='${id}'] .red-ui-flow-node`);
  }

  async #port(nodeId: string, kind: "input" | "output", index: number): Promise<ElementHandle<Element>> {
    const selector = `[id='${nodeId}'] .red-ui-flow-port-${kind} .red-ui-flow-port`;
    await this.#find(selector);
    const port = (await this.page.$$(selector))[index];
    if (!port) throw new Error(`Node ${nodeId} has no ${kind} port ${index}`);
    return port;
  }

  async #dialogIs(button: string): Promise<void> {
    await this.page.waitForSelector(button, { visible: true, timeout: PATIENCE_MS });
    await this.#settled();
    await this.#codeEditorIsAtRest();
  }

  /**
   * Monaco, as the editor of a Function, takes the focus 300 ms after it has come into view, and once more 300 ms after it
   * got it (`focusMemory` in Node-RED's editor client): whoever types into another field sooner types half of it into the code.
   */
  async #codeEditorIsAtRest(): Promise<void> {
    const shown = await this.page.$$eval(".red-ui-tray .red-ui-editor-text-container", (editors) =>
      editors.some((editor) => editor.checkVisibility()),
    );
    if (!shown) return;
    await this.page.waitForFunction(() => document.activeElement?.closest(".red-ui-editor-text-container"), {
      timeout: PATIENCE_MS,
    });
    await delay(2 * CODE_EDITOR_FOCUS_MS);
  }

  async #find(selector: string, visible = false): Promise<ElementHandle<Element>> {
    const element = await this.page.waitForSelector(selector, { visible, timeout: PATIENCE_MS });
    if (!element) throw new Error(`Nothing on the page is ${selector}`);
    return element;
  }

  /** Waits until all is drawn and nothing moves any more: trays slide, notifications fade. */
  async #settled(): Promise<void> {
    // The canvas is drawn with the next frame (`redraw` in Node-RED's editor client): nodes of a tab come with it.
    await this.page.evaluate(() => new Promise((resolve) => requestAnimationFrame(resolve)));
    await this.page.waitForFunction(
      () =>
        document.querySelectorAll(".ui-draggable-dragging").length === 0 &&
        document.getAnimations().every((animation) => {
          // Spinners never end.
          const { iterations } = animation.effect?.getTiming() ?? {};
          return animation.playState !== "running" || iterations === Infinity;
        }),
      { timeout: PATIENCE_MS },
    );
    // jQuery moves trays by timers, which leave no trace in getAnimations().
    await this.page.waitForFunction(() => {
      const { jQuery } = window as unknown as { jQuery?: (selector: string) => { length: number } };
      return !jQuery || jQuery(":animated").length === 0;
    });
  }
}

async function middleOf(element: ElementHandle<Element>): Promise<Point> {
  const box = await element.boundingBox();
  if (!box) throw new Error("An element that the test uses is not visible");
  return { x: box.x + box.width / 2, y: box.y + box.height / 2 };
}

/**
 * Node-RED's editor begins to show tips one second after it has begun to load, and throws when its sidebar is not there
 * by then, as on a busy machine.
 */
async function hideTips(url: string): Promise<void> {
  const { ok, status } = await fetch(`${url}/settings/user`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ editor: { view: { "view-show-tips": false } } }),
  });
  if (!ok) throw new Error(`The settings of Node-RED's editor cannot be set: status ${status}`);
}
