import type { RowsProperty, RulesProperty } from "../../engine/properties.js";
import { EntryFields, type Surroundings } from "./entry-fields.js";
import type { EditorNode } from "./red.js";
import { propertyText, sharedText } from "./texts.js";
import { fieldsOf, type Values } from "./validation.js";

type ListProperty = RowsProperty | RulesProperty;

/** One entry as Node-RED's list widget keeps it. `origin`: its place when the dialog was opened. */
interface Item {
  values?: Values;
  origin?: number;
  fields?: EntryFields;
  kind?: HTMLSelectElement;
}

/** An ordered list: rows of equal fields, or rules of several kinds. */
export class ListEditor {
  readonly name: string;
  readonly #node: EditorNode;
  readonly #id: string;
  readonly #property: ListProperty;
  readonly #list: HTMLElement;
  readonly #around: () => Surroundings;
  readonly #changed: () => void;
  readonly #items = new WeakMap<HTMLElement, Item>();
  #ready = false;

  /** `id`: what the ids of its parts in the form begin with. */
  constructor(
    node: EditorNode,
    name: string,
    id: string,
    property: ListProperty,
    around: () => Surroundings,
    changed: () => void,
  ) {
    this.name = name;
    this.#node = node;
    this.#id = id;
    this.#property = property;
    this.#around = around;
    this.#changed = changed;
    this.#list = document.getElementById(`headrace-list-${name}`) as HTMLElement;
    const widget = $(this.#list).editableList({
      addItem: (container, _index, data) => this.#show(container.get(0) as HTMLElement, data),
      removeItem: () => this.#renumber(),
      sortItems: () => this.#renumber(),
      sortable: true,
      removable: true,
      scrollOnAdd: false,
      height: "auto",
      addButton: propertyText(node, `${name}.add`),
      ariaLabelledBy: `${id}-label`,
    });
    const values = (node[name] ?? property.default) as readonly Values[];
    values.forEach((entry, origin) => widget.editableList("addItem", { values: entry, origin }));
    this.#ready = true;
  }

  get values(): Record<string, unknown>[] {
    return this.#entries().map(({ fields, kind }) => ({ ...(kind ? { type: kind.value } : {}), ...fields?.values }));
  }

  /** Where each entry was when the dialog was opened; undefined for new ones. */
  get origins(): (number | undefined)[] {
    return this.#entries().map(({ origin }) => origin);
  }

  /** Something around the list has changed. */
  refresh(): void {
    for (const { fields } of this.#entries()) fields?.refresh();
  }

  /** The line of help above the list. */
  get #hint(): HTMLElement {
    return document.getElementById(`${this.#id}-hint`) as HTMLElement;
  }

  get #about(): string {
    const { flumeKey } = this.#property;
    const help = propertyText(this.#node, `${this.name}.help`);
    return flumeKey ? `${help} \`${flumeKey}\`` : help;
  }

  #entries(): Item[] {
    return this.#contents().map((content) => this.#items.get(content) ?? {});
  }

  #contents(): HTMLElement[] {
    return [...this.#list.querySelectorAll<HTMLElement>(":scope > li > .red-ui-editableList-item-content")].filter(
      (content) => this.#items.has(content),
    );
  }

  #show(content: HTMLElement, item: Item): void {
    this.#items.set(content, item);
    content.classList.add("headrace-entry");
    const number = document.createElement("span");
    number.className = "headrace-entry-index";
    content.append(number);
    const body = document.createElement("div");
    body.className = "headrace-entry-body";
    content.append(body);
    if (this.#property.kind === "rules") body.append(this.#kindOf(item, body));
    this.#showFields(item, body, item.values ?? {});
    content.addEventListener("keydown", (event) => this.#move(event, content));
    this.#nameButtons(content);
    this.#renumber();
    if (this.#ready) (item.kind ?? item.fields)?.focus();
  }

  #kindOf(item: Item, body: HTMLElement): HTMLSelectElement {
    const variants = Object.keys((this.#property as RulesProperty).variants);
    const select = document.createElement("select");
    select.className = "headrace-entry-kind";
    select.setAttribute("aria-label", sharedText("form.kind"));
    for (const kind of variants) {
      select.append(new Option(propertyText(this.#node, `${this.name}.variants.${kind}.label`), kind));
    }
    select.value = String(item.values?.["type"] ?? variants[0]);
    select.addEventListener("change", () => {
      // What was typed for the other kind is kept where a field of the same name exists.
      this.#showFields(item, body, item.fields?.typed ?? {});
      this.#changed();
    });
    item.kind = select;
    return select;
  }

  #showFields(item: Item, body: HTMLElement, values: Values): void {
    const entry = item.kind ? { ...values, type: item.kind.value } : values;
    const { fields, path } = fieldsOf(this.#property, this.name, entry);
    const texts = {
      label: (key: string) => propertyText(this.#node, `${path}.fields.${key}`),
      about: item.kind ? propertyText(this.#node, `${path}.help`) : this.#about,
      helpLine: item.kind ? undefined : this.#hint,
    };
    const shown = new EntryFields(fields, values, texts, this.#around, this.#changed);
    if (this.#property.kind === "rows") shown.element.classList.add("headrace-entry-columns");
    if (item.fields) item.fields.element.replaceWith(shown.element);
    else body.append(shown.element);
    item.fields = shown;
  }

  /** The widget sorts by mouse only: Alt and an arrow key do the same. */
  #move(event: KeyboardEvent, content: HTMLElement): void {
    if (!event.altKey || (event.key !== "ArrowUp" && event.key !== "ArrowDown")) return;
    const row = content.closest("li");
    const other = event.key === "ArrowUp" ? row?.previousElementSibling : row?.nextElementSibling;
    event.preventDefault();
    if (!row || !other) return;
    // The neighbour moves: an element that is moved itself would lose the focus.
    if (event.key === "ArrowUp") row.after(other);
    else row.before(other);
    this.#renumber();
  }

  #nameButtons(content: HTMLElement): void {
    const row = content.closest("li");
    row?.querySelector(".red-ui-editableList-item-remove")?.setAttribute("aria-label", sharedText("form.remove"));
    row?.querySelector(".red-ui-editableList-item-handle")?.setAttribute("title", sharedText("form.move"));
  }

  #renumber(): void {
    this.#contents().forEach((content, index) => {
      const number = content.querySelector<HTMLElement>(".headrace-entry-index");
      if (!number) return;
      const isPort = this.#property.kind === "rows" && this.#property.ports === true;
      number.textContent = isPort ? `→ ${index + 1}` : String(index + 1);
      if (isPort) number.title = sharedText("ports.row", { number: index + 1 });
    });
    if (this.#ready) this.#changed();
  }
}
