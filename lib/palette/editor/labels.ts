import { deadLetterPort, nodeProperties, outputPorts } from "../../engine/common-properties.js";
import { declarationOf } from "./declarations.js";
import type { EditorNode } from "./red.js";
import { optionalText, propertyText, sharedText } from "./texts.js";

/** Longer ones make a node as wide as half the canvas, and it lies over its neighbours. */
const LONGEST_VALUE = 24;

/** Its name, or what tells it from its like, or what it is. */
export function nodeLabel(node: EditorNode): string {
  if (node.name) return node.name;
  const { labelProperty, role } = declarationOf(node);
  if (labelProperty === undefined) return node._("paletteLabel");
  const value = String(node[labelProperty] ?? "");
  if (value === "") return node._("paletteLabel");
  const property = nodeProperties(declarationOf(node))[labelProperty];
  if (property?.kind !== "choice" || !property.options.includes(value)) {
    return `${node._("label")} ${role === "config" ? value : shortened(value)}`;
  }
  return `${node._("label")}: ${propertyText(node, `${labelProperty}.options.${value}`)}`;
}

/** Its beginning and its end, which tell it from its like: `/flume/logs/d…/hour=%H`. */
function shortened(value: string): string {
  const characters = Array.from(value);
  if (characters.length <= LONGEST_VALUE) return value;
  const half = (LONGEST_VALUE - 1) / 2;
  return `${characters.slice(0, Math.ceil(half)).join("")}…${characters.slice(-Math.floor(half)).join("")}`;
}

export function inputLabel(node: EditorNode): string {
  return optionalText(node, "ports.input") ?? sharedText(`ports.${declarationOf(node).role}.input`);
}

export function outputLabel(node: EditorNode, index: number): string {
  const declaration = declarationOf(node);
  if (index === deadLetterPort(declaration, node)) return sharedText("ports.refused");
  const row = index - declaration.outputs;
  if (row < 0 || index >= outputPorts(declaration, node)) {
    return optionalText(node, "ports.output") ?? sharedText(`ports.${declaration.role}.output`);
  }
  return rowLabel(node, row) ?? sharedText("ports.row", { number: row + 1 });
}

/** The first text in the row that makes the port: its name, or the value it stands for. */
function rowLabel(node: EditorNode, index: number): string | undefined {
  for (const [name, property] of Object.entries(nodeProperties(declarationOf(node)))) {
    if (property.kind !== "rows" || !property.ports) continue;
    const list = (node[name] ?? property.default) as readonly Readonly<Record<string, unknown>>[];
    const row = list[index];
    if (!row) return undefined;
    for (const [field, declared] of Object.entries(property.fields)) {
      const value = row[field];
      if (declared.kind === "text" && typeof value === "string" && value !== "") return `${index + 1}: ${value}`;
    }
  }
  return undefined;
}
