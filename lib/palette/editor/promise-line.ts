import { nodeProperties } from "../../engine/common-properties.js";
import { durabilityOf, durabilityProperties } from "../../engine/durability.js";
import type { EditorDeclaration } from "./red.js";
import { sharedText } from "./texts.js";
import { isEnvironmentVariable, type Values } from "./validation.js";

/** What a channel promises with the settings as they stand in its open dialog. */
export interface PromiseLine {
  refresh(values: Values): void;
}

/** Puts the line below the last of the settings that it hangs on; where it hangs on none, below all that are not advanced. */
export function openPromise(
  declaration: EditorDeclaration,
  rowOf: (property: string) => HTMLElement | null,
): PromiseLine | undefined {
  if (declaration.durability === undefined) return undefined;
  const settings = durabilityProperties(declaration);
  const properties = Object.entries(nodeProperties(declaration));
  const [below] =
    properties.findLast(([name]) => settings.includes(name)) ??
    properties.findLast(([, { advanced }]) => !advanced) ??
    [];
  const row = below === undefined ? null : rowOf(below);
  if (!row) return undefined;
  const { icon, text } = addRow(row);
  return {
    refresh(values) {
      const variable = settings.find((name) => isEnvironmentVariable(values[name]));
      const promise = durabilityOf(declaration, values) ?? "none";
      icon.className = variable === undefined ? `fa ${ICONS[promise]}` : "fa fa-question-circle-o";
      const shown =
        variable === undefined
          ? sharedText(`durability.${promise}`)
          : sharedText("durability.variable", { value: String(values[variable]) });
      // Unchanged text must not be written again: screen readers would read it at each key.
      if (text.textContent !== shown) text.textContent = shown;
    },
  };
}

const ICONS = {
  none: "fa-exclamation-circle",
  partial: "fa-adjust",
  "process-crash": "fa-check-circle-o",
  "power-loss": "fa-shield",
} as const;

function addRow(above: HTMLElement): { icon: HTMLElement; text: HTMLElement } {
  const row = document.createElement("div");
  row.className = "form-row headrace-row headrace-promise";
  const label = document.createElement("div");
  label.className = "headrace-promise-label";
  label.textContent = sharedText("durability.label");
  const control = document.createElement("div");
  control.className = "headrace-control";
  control.setAttribute("role", "status");
  const icon = document.createElement("i");
  icon.setAttribute("aria-hidden", "true");
  const text = document.createElement("span");
  control.append(icon, text);
  row.append(label, control);
  above.after(row);
  return { icon, text };
}
