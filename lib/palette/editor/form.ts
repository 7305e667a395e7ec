import { deadLetterPort, nodeProperties, outputPorts } from "../../engine/common-properties.js";
import { isShown, type Properties, type Property } from "../../engine/properties.js";
import { declarationOf } from "./declarations.js";
import { type FieldElement, readField, writeField } from "./field-value.js";
import { ListEditor } from "./list-editor.js";
import { outputMap } from "./output-map.js";
import { openPreview, type PreviewLine } from "./preview.js";
import { showProblem } from "./problem-line.js";
import { openPromise, type PromiseLine } from "./promise-line.js";
import { showRichText } from "./rich-text.js";
import type { EditorDeclaration, EditorNode } from "./red.js";
import { propertyText } from "./texts.js";
import { isEnvironmentVariable, problemsOf, useValuesOf, type Values } from "./validation.js";

/** The open dialog of one node. */
class Form {
  readonly #node: EditorNode;
  readonly #declaration: EditorDeclaration;
  readonly #properties: Properties;
  readonly #prefix: string;
  readonly #lists: ListEditor[] = [];
  readonly #before: { rows: number; deadLetter: boolean };
  /** Fields that are empty because nobody has come to them yet get no message. */
  readonly #visited = new Set<string>();
  readonly #preview: PreviewLine | undefined;
  readonly #promise: PromiseLine | undefined;

  constructor(node: EditorNode) {
    this.#node = node;
    this.#declaration = declarationOf(node);
    this.#properties = nodeProperties(this.#declaration);
    this.#prefix = node._def.category === "config" ? "node-config-input" : "node-input";
    this.#before = {
      rows: outputPorts(this.#declaration, node) - this.#declaration.outputs,
      deadLetter: deadLetterPort(this.#declaration, node) !== undefined,
    };
    for (const [name, property] of Object.entries(this.#properties)) {
      this.#showHint(name);
      this.#bind(name, property);
    }
    this.#preview = openPreview(node, this.#declaration, (name) => this.#row(name));
    this.#promise = openPromise(this.#declaration, (name) => this.#row(name));
    this.refresh();
    this.#openAdvanced();
  }

  get values(): Values {
    const values: Record<string, unknown> = {};
    for (const [name, property] of Object.entries(this.#properties)) {
      const field = this.#field(name);
      if (field && property.kind !== "secret") values[name] = readField(property, field);
    }
    for (const list of this.#lists) values[list.name] = list.values;
    return values;
  }

  /** Shows what applies, and what is wrong with it. */
  refresh(): void {
    const { values } = this;
    for (const [name, property] of Object.entries(this.#properties)) {
      const row = this.#row(name);
      const line = row?.querySelector<HTMLElement>(":scope .headrace-problem[id$='-problem']");
      if (!row || !line) continue;
      row.hidden = !isShown(property, this.#properties, values);
      // Lists show problems at their own fields.
      if (property.kind === "rows" || property.kind === "rules" || property.kind === "secret") continue;
      const problems = problemsOf(this.#declaration, name, values, (path) => propertyText(this.#node, path));
      const quiet = !this.#visited.has(name) && problems[0]?.code === "FLUME_CONFIG_REQUIRED";
      showProblem(line, this.#field(name), quiet ? [] : problems);
    }
    for (const list of this.#lists) list.refresh();
    this.#hideAdvanced();
    this.#preview?.refresh(values);
    this.#promise?.refresh(values);
    this.#updateOutputs(values);
  }

  save(): void {
    const { values } = this;
    for (const [name, value] of Object.entries(values)) this.#node[name] = value;
    // What this form wrote is of its own version, whatever wrote the node before.
    this.#node["version"] = this.#declaration.version ?? 1;
  }

  #bind(name: string, property: Property): void {
    if (property.kind === "rows" || property.kind === "rules") {
      const around = () => ({ properties: this.#properties, values: this.values });
      this.#lists.push(
        new ListEditor(this.#node, name, `${this.#prefix}-${name}`, property, around, () => this.refresh()),
      );
      return;
    }
    const field = this.#field(name);
    if (!field) return;
    if (isEnvironmentVariable(this.#node[name])) this.#keepVariable(property, field, this.#node[name]);
    else if (this.#node[name] === undefined) writeField(property, field, property.default);
    // Node-RED has written it, and knows one name of a choice only.
    else if (property.kind === "choice") writeField(property, field, this.#node[name]);
    // Node-RED listens for change by jQuery, which plain listeners hear too.
    const current = this.#field(name);
    for (const event of ["input", "change"]) current?.addEventListener(event, () => this.refresh());
    current?.addEventListener("blur", () => {
      this.#visited.add(name);
      this.refresh();
    });
  }

  /** Node-RED translates the form once more when it is open, which would undo what is done here. */
  #showHint(name: string): void {
    const hint = this.#row(name)?.querySelector<HTMLElement>(":scope .headrace-hint > [data-i18n]");
    if (!hint) return;
    hint.removeAttribute("data-i18n");
    showRichText(hint, propertyText(this.#node, `${name}.help`));
  }

  /** A tick box cannot show a variable: a text field takes its place. */
  #keepVariable(property: Property, field: FieldElement, value: unknown): void {
    if (property.kind !== "boolean") {
      writeField(property, field, value);
      return;
    }
    const input = document.createElement("input");
    input.type = "text";
    input.id = field.id;
    input.value = String(value);
    field.replaceWith(input);
  }

  #updateOutputs(values: Values): void {
    const field = document.getElementById(`${this.#prefix}-outputs`) as HTMLInputElement | null;
    if (!field) return;
    const ports = this.#lists.find((list) => {
      const property = this.#properties[list.name];
      return property?.kind === "rows" && property.ports;
    });
    const after = { deadLetter: deadLetterPort(this.#declaration, values) !== undefined };
    field.value = JSON.stringify(outputMap(ports?.origins ?? [], this.#before, after, this.#declaration.outputs));
  }

  /** Nobody should have to look for the field that keeps a deploy back. */
  #openAdvanced(): void {
    const details = this.#form()?.querySelector<HTMLDetailsElement>(".headrace-advanced");
    if (details?.querySelector(".input-error")) details.open = true;
  }

  /** No heading over nothing. */
  #hideAdvanced(): void {
    const details = this.#form()?.querySelector<HTMLElement>(".headrace-advanced");
    if (!details) return;
    details.hidden = [...details.querySelectorAll<HTMLElement>(":scope > .headrace-row")].every(({ hidden }) => hidden);
  }

  #form(): HTMLElement | null {
    return this.#anyRow()?.closest<HTMLElement>(".headrace-form") ?? null;
  }

  #anyRow(): HTMLElement | null {
    const [name] = Object.keys(this.#properties);
    return name === undefined ? null : this.#row(name);
  }

  #row(name: string): HTMLElement | null {
    const inside =
      document.getElementById(`${this.#prefix}-${name}`) ?? document.getElementById(`headrace-list-${name}`);
    return inside?.closest<HTMLElement>(".headrace-row") ?? null;
  }

  #field(name: string): FieldElement | null {
    return document.getElementById(`${this.#prefix}-${name}`) as FieldElement | null;
  }
}

/** A configuration node's dialog may lie over that of a node. */
const open = new Map<string, Form>();

useValuesOf((node) => open.get(node.id)?.values);

export function openForm(node: EditorNode): void {
  open.set(node.id, new Form(node));
}

export function saveForm(node: EditorNode): void {
  open.get(node.id)?.save();
  closeForm(node);
}

export function closeForm(node: EditorNode): void {
  open.delete(node.id);
}
