import { optionOf, type Property } from "../../engine/properties.js";
import { isEnvironmentVariable } from "./validation.js";

export type FieldElement = HTMLInputElement | HTMLSelectElement;

/** What stands in a field, in the type that its property has; what is no number stays as it was typed. */
export function readField(property: Property, field: FieldElement): unknown {
  if (property.kind === "boolean" && field instanceof HTMLInputElement && field.type === "checkbox") {
    return field.checked;
  }
  const value = field.value;
  if (property.kind === "node") return value === "_ADD_" ? "" : value;
  if (property.kind !== "number") return value;
  const trimmed = value.trim();
  return /^-?\d+$/.test(trimmed) ? Number(trimmed) : trimmed;
}

export function writeField(property: Property, field: FieldElement, value: unknown): void {
  if (field instanceof HTMLSelectElement && isEnvironmentVariable(value)) {
    // A choice left to the environment: kept as an option of its own.
    field.append(new Option(String(value), String(value)));
  }
  if (property.kind === "boolean" && field instanceof HTMLInputElement && field.type === "checkbox") {
    field.checked = value === true || value === "true";
    return;
  }
  // As it is called in the list: a flow may say it in another case, or with the name of a class.
  const option = property.kind === "choice" ? optionOf(property, value) : undefined;
  field.value = option ?? (value === undefined || value === null ? "" : String(value));
}
