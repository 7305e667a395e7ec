import { isShown, problemOf, type Properties, type Property } from "../../engine/properties.js";
import { type FieldElement, readField, writeField } from "./field-value.js";
import { showProblem } from "./problem-line.js";
import { showRichText } from "./rich-text.js";
import { sharedText } from "./texts.js";
import { isEnvironmentVariable, type Values } from "./validation.js";

/** A node's properties and what stands in its form: fields of a list may apply only with some of them. */
export interface Surroundings {
  readonly properties: Properties;
  readonly values: Values;
}

export interface EntryTexts {
  /** The text of a field: label, help, or an option. */
  label(path: string): string;
  /** Shown while no field of the entry has the focus. */
  readonly about: string;
  /** Where the help is shown, if not in the entry itself. */
  readonly helpLine: HTMLElement | undefined;
}

/** Ids must be unique on the page, and lists have many equal fields. */
let lastId = 0;

/**
 * The fields of one entry of a list, and a line of help about the one that has the focus: room for the help of all
 * would make long lists hard to survey.
 */
export class EntryFields {
  readonly #texts: EntryTexts;
  readonly #around: () => Surroundings;
  readonly element = document.createElement("div");
  readonly #properties: Properties;
  readonly #fields = new Map<
    string,
    { property: Property; field: FieldElement; row: HTMLElement; problem: HTMLElement }
  >();

  constructor(
    properties: Properties,
    values: Values,
    texts: EntryTexts,
    around: () => Surroundings,
    changed: () => void,
  ) {
    const { label, about } = texts;
    this.#texts = texts;
    this.#around = around;
    this.#properties = properties;
    this.element.className = "headrace-entry-fields";
    for (const [name, property] of Object.entries(properties)) {
      this.element.append(this.#row(name, property, values[name] ?? property.default, label));
    }
    const help = texts.helpLine ?? document.createElement("div");
    if (!texts.helpLine) {
      help.className = "headrace-hint headrace-entry-help";
      this.element.append(help);
      showRichText(help, about);
    }
    this.element.addEventListener("focusin", ({ target }) => {
      const row = (target as HTMLElement).closest<HTMLElement>("[data-field]");
      if (row?.dataset["help"]) showRichText(help, row.dataset["help"]);
    });
    this.element.addEventListener("focusout", () => showRichText(help, about));
    this.element.addEventListener("input", () => {
      this.refresh();
      changed();
    });
    this.refresh();
  }

  get values(): Record<string, unknown> {
    const entries = [...this.#fields].map(([name, { property, field }]) => [name, readField(property, field)]);
    return Object.fromEntries(entries) as Record<string, unknown>;
  }

  /** Values that are not the default of their field. */
  get typed(): Record<string, unknown> {
    return Object.fromEntries(
      Object.entries(this.values).filter(([name, value]) => value !== this.#properties[name]?.default),
    );
  }

  focus(): void {
    this.element.querySelector<HTMLElement>("input, select")?.focus();
  }

  /** Shows what applies, and what is wrong with it. */
  refresh(): void {
    const { values } = this;
    const { label } = this.#texts;
    const around = this.#around();
    const properties = { ...around.properties, ...this.#properties };
    for (const [name, { property, field, row, problem }] of this.#fields) {
      row.hidden = !isShown(property, properties, { ...around.values, ...values });
      const skip = row.hidden || isEnvironmentVariable(values[name]);
      const found = skip ? undefined : problemOf(property, values[name], label(`${name}.label`));
      showProblem(problem, field, found ? [found] : []);
    }
  }

  #row(name: string, property: Property, value: unknown, label: (path: string) => string): HTMLElement {
    const id = `headrace-entry-${++lastId}`;
    const row = document.createElement("div");
    row.className = `headrace-entry-row headrace-field-${property.kind}`;
    row.dataset["field"] = name;
    const field = fieldOf(property, (option) => label(`${name}.options.${option}`));
    field.id = id;
    field.setAttribute("aria-describedby", `${id}-hint ${id}-problem`);
    if (property.required) field.setAttribute("aria-required", "true");
    writeField(property, field, value);
    const caption = document.createElement("label");
    caption.htmlFor = id;
    caption.textContent = label(`${name}.label`);
    if (property.required) caption.append(requiredMark());
    const help = label(`${name}.help`);
    row.dataset["help"] = property.flumeKey ? `${help} \`${property.flumeKey}\`` : help;
    const hint = document.createElement("span");
    hint.id = `${id}-hint`;
    hint.hidden = true;
    hint.textContent = help;
    row.append(hint);
    const control = document.createElement("div");
    control.className = "headrace-entry-control";
    control.append(field);
    if (property.kind === "number" && property.unit) control.append(unitOf(property.unit));
    const problem = document.createElement("div");
    problem.className = "headrace-problem";
    problem.id = `${id}-problem`;
    problem.setAttribute("role", "alert");
    if (property.kind === "boolean") control.append(caption);
    else row.append(caption);
    control.append(problem);
    row.append(control);
    this.#fields.set(name, { property, field, row, problem });
    return row;
  }
}

function fieldOf(property: Property, optionText: (option: string) => string): FieldElement {
  if (property.kind === "choice") {
    const select = document.createElement("select");
    for (const option of property.options) select.append(new Option(optionText(option), option));
    return select;
  }
  const input = document.createElement("input");
  input.type = property.kind === "boolean" ? "checkbox" : property.kind === "secret" ? "password" : "text";
  input.autocomplete = "off";
  input.spellcheck = false;
  if (property.kind === "number") {
    input.inputMode = "numeric";
    input.placeholder = String(property.default);
  }
  return input;
}

function requiredMark(): HTMLElement {
  const mark = document.createElement("span");
  mark.className = "headrace-required";
  mark.title = sharedText("form.required");
  mark.textContent = "*";
  return mark;
}

function unitOf(unit: string): HTMLElement {
  const element = document.createElement("span");
  element.className = "headrace-unit";
  element.textContent = sharedText(`units.${unit}`);
  return element;
}
