import type { Declaration } from "../../engine/component.js";

/** The part of the editor's API that the forms use, typed: Node-RED publishes no types for it. */
export interface EditorRed {
  _(key: string): string;
  nodes: { node(id: string): EditorNode | null };
}

/** The part of jQuery that Node-RED's own widgets and events need; everything else is plain DOM. */
export interface JQueryLike {
  editableList(options: EditableListOptions): JQueryLike;
  editableList(method: "addItem", data: object): void;
  get(index: number): HTMLElement | undefined;
}

export interface EditableListOptions {
  addItem(container: JQueryLike, index: number, data: object): void;
  removeItem(data: object): void;
  sortItems(items: JQueryLike): void;
  sortable: boolean;
  removable: boolean;
  scrollOnAdd: boolean;
  height: "auto";
  addButton: string;
  ariaLabelledBy: string;
}

/** A node as the editor holds it: its properties are its own fields. */
export interface EditorNode {
  readonly id: string;
  readonly type: string;
  name?: string;
  _(key: string): string;
  _def: { set: { id: string }; category: string };
  /** What the last validation said; undefined before the first. */
  valid?: boolean;
  [property: string]: unknown;
}

declare global {
  const RED: EditorRed;
  const $: (target: string | Element) => JQueryLike;
}

/** A declaration as it comes to the browser: without its functions. */
export type EditorDeclaration = Declaration;
