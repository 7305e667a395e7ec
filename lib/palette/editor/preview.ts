import { nodeProperties } from "../../engine/common-properties.js";
import { isHeadraceError } from "../../engine/errors.js";
import { copyHeaders, type Headers } from "../../engine/event.js";
import { readConfig } from "../../engine/properties.js";
import type { EditorDeclaration, EditorNode } from "./red.js";
import { problemText, propertyText, sharedText } from "./texts.js";
import type { Values } from "./validation.js";

/** The sample that a preview is made of. */
export interface Sample {
  readonly headers: Headers;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** What a component's editor.ts exports. Runs the component's own code: what is shown is what happens. */
export interface Preview {
  /** The property below which it stands. */
  readonly below: string;
  /** The property without which there is nothing to show. */
  readonly of: string;
  /** Texts by the names that `preview.…` of the shared catalogue has. Throws HeadraceError when there is no result. */
  lines(config: Readonly<Record<string, unknown>>, sample: Sample): Readonly<Record<string, string>>;
}

const previews = new Map<string, Preview>();

export function addPreview(type: string, preview: Preview): void {
  previews.set(type, preview);
}

/** The preview in an open dialog. */
export interface PreviewLine {
  refresh(values: Values): void;
}

/** Puts the preview of a node's type, if there is one, into its dialog. */
export function openPreview(
  node: EditorNode,
  declaration: EditorDeclaration,
  rowOf: (property: string) => HTMLElement | null,
): PreviewLine | undefined {
  const preview = previews.get(node.type);
  const row = preview && rowOf(preview.below);
  if (!preview || !row) return undefined;
  const { sample, lines } = addRow(row);
  let last: Values = {};
  const refresh = (values: Values) => {
    last = values;
    const { config } = readConfig(nodeProperties(declaration), values);
    const now = Date.now();
    if (config[preview.of] === "") {
      show(lines, [sharedText("preview.missing", { field: propertyText(node, `${preview.of}.label`) })], true);
      return;
    }
    try {
      const found = preview.lines(config, { headers: sampleHeaders(sample.value, now), now });
      const texts = Object.entries(found).map(([name, text]) => `${text}  (${sharedText(`preview.${name}`)})`);
      show(lines, texts, false);
    } catch (error) {
      if (!isHeadraceError(error)) throw error;
      const { message, next } = problemText(error);
      show(lines, [`${message} ${next}`], true);
    }
  };
  sample.addEventListener("input", () => refresh(last));
  return { refresh };
}

function addRow(above: HTMLElement): { sample: HTMLInputElement; lines: HTMLElement } {
  const row = document.createElement("div");
  row.className = "form-row headrace-row headrace-preview";
  const label = document.createElement("label");
  label.textContent = sharedText("preview.label");
  label.htmlFor = "headrace-preview-sample";
  const control = document.createElement("div");
  control.className = "headrace-control";
  const lines = document.createElement("div");
  lines.className = "headrace-preview-lines";
  lines.setAttribute("role", "status");
  const hint = document.createElement("div");
  hint.className = "headrace-hint";
  hint.textContent = sharedText("preview.help");
  const sample = document.createElement("input");
  sample.type = "text";
  sample.id = "headrace-preview-sample";
  sample.autocomplete = "off";
  sample.placeholder = sharedText("preview.sample");
  control.append(lines, hint, sample);
  row.append(label, control);
  above.after(row);
  return { sample, lines };
}

/** As text and nothing else: headers are typed by anybody. */
function show(lines: HTMLElement, texts: readonly string[], wrong: boolean): void {
  lines.replaceChildren(
    ...texts.map((text) => {
      const line = document.createElement("div");
      line.textContent = text;
      return line;
    }),
  );
  lines.toggleAttribute("data-wrong", wrong);
}

/** `name=value, name=value`; with the time of now, which most events have. */
function sampleHeaders(text: string, now: number): Headers {
  const headers = copyHeaders();
  headers["timestamp"] = String(now);
  for (const pair of text.split(",")) {
    const end = pair.indexOf("=");
    if (end > 0) headers[pair.slice(0, end).trim()] = pair.slice(end + 1).trim();
  }
  return headers;
}
