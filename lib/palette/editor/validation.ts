import { nodeProperties } from "../../engine/common-properties.js";
import { HeadraceError } from "../../engine/errors.js";
import {
  isShown,
  limitProblem,
  problemOf,
  type Properties,
  type Property,
  type RowsProperty,
  type RulesProperty,
} from "../../engine/properties.js";
import { declarationOf } from "./declarations.js";
import type { EditorDeclaration, EditorNode } from "./red.js";
import { problemText, propertyText, sharedText } from "./texts.js";

export type Values = Readonly<Record<string, unknown>>;
/** A label, given the path of its text below `properties`. */
type Label = (path: string) => string;

/** Node-RED puts an environment variable in the place of such a value before a node gets it. */
export function isEnvironmentVariable(value: unknown): boolean {
  return typeof value === "string" && /^\$(\{\w+\}|\(\w+\))$/.test(value);
}

/** Everything that is wrong with one property, given the values of all. */
export function problemsOf(
  declaration: EditorDeclaration,
  name: string,
  values: Values,
  label: Label,
): HeadraceError[] {
  const properties = nodeProperties(declaration);
  const property = properties[name];
  if (!property || !isShown(property, properties, values)) return [];
  const value = property.kind === "node" ? chosenNode(values[name]) : values[name];
  if (property.kind === "rows" || property.kind === "rules") {
    return listProblems(property, name, value, label, { properties, values });
  }
  if (isEnvironmentVariable(value)) return [];
  const problem = problemOf(property, value, label(`${name}.label`));
  if (problem) return [problem];
  if (property.kind === "node" && value !== "" && value !== undefined && !isUsable(String(value))) {
    const parameters = { field: label(`${name}.label`), value: String(value) };
    return [new HeadraceError("FLUME_CONFIG_NODE_UNUSABLE", parameters)];
  }
  // Said once, at the first of them.
  const missing = declaration.needs?.find(
    ({ oneOf }) => oneOf[0] === name && oneOf.every((one) => isEmpty(values[one])),
  );
  if (missing) return [new HeadraceError(missing.code)];
  const same = declaration.apart?.find((rule) => rule.property === name && isSameDirectory(value, values[rule.from]));
  if (same) {
    const parameters = { field: label(`${name}.label`), value: String(value), other: label(`${same.from}.label`) };
    return [new HeadraceError("FLUME_CONFIG_SAME_DIRECTORY", parameters)];
  }
  const numberOf = (other: string) => numberAt(properties[other], values[other]);
  const labelOf = (other: string) => label(`${other}.label`);
  return (declaration.limits ?? [])
    .filter((limit) => limit.property === name)
    .flatMap((limit) => limitProblem(limit, numberOf, labelOf) ?? []);
}

/** Node-RED's list of configuration nodes says `_ADD_` while none is chosen, and null before it is filled. */
function chosenNode(value: unknown): unknown {
  return value === "_ADD_" || value === null ? "" : value;
}

/** Whether a configuration node is there, enabled, and right. */
function isUsable(id: string): boolean {
  const node = RED.nodes.node(id);
  return node !== null && node.valid !== false && node["d"] !== true;
}

function isEmpty(value: unknown): boolean {
  return value === undefined || value === null || String(value).trim() === "";
}

/** As far as can be seen without the disk that it is on. Empty fields mean folders of their own. */
function isSameDirectory(one: unknown, other: unknown): boolean {
  if (isEmpty(one) || isEmpty(other)) return false;
  const [path, otherPath] = [one, other].map((value) => String(value).replace(/[/\\]+$/, ""));
  return path === otherPath;
}

function numberAt(property: Property | undefined, value: unknown): number | undefined {
  if (property?.kind !== "number" || isEnvironmentVariable(value)) return undefined;
  const number = value === undefined || value === "" ? property.default : Number(value);
  return Number.isFinite(number) ? number : undefined;
}

function listProblems(
  property: RowsProperty | RulesProperty,
  name: string,
  value: unknown,
  label: Label,
  around: { properties: Properties; values: Values },
): HeadraceError[] {
  const list: readonly unknown[] = Array.isArray(value) ? value : property.default;
  if (property.required && list.length === 0) {
    return [new HeadraceError("FLUME_CONFIG_REQUIRED", { field: label(`${name}.label`) })];
  }
  return list.flatMap((entry, index) => {
    const values = entry as Values;
    const { fields, path } = fieldsOf(property, name, values);
    return Object.entries(fields).flatMap(([field, declared]) => {
      const shown = isShown(declared, { ...around.properties, ...fields }, { ...around.values, ...values });
      if (!shown || isEnvironmentVariable(values[field])) return [];
      const where = `${index + 1}: ${label(`${path}.fields.${field}.label`)}`;
      const problem = problemOf(declared, values[field], where);
      return problem ? [problem] : [];
    });
  });
}

/** The fields of one entry of a list, and where their texts are. */
export function fieldsOf(
  property: RowsProperty | RulesProperty,
  path: string,
  entry: Values,
): { fields: Properties; path: string } {
  if (property.kind === "rows") return { fields: property.fields, path };
  const type = String(entry["type"]);
  return { fields: property.variants[type] ?? {}, path: `${path}.variants.${type}` };
}

let valuesInForm: (node: EditorNode) => Values | undefined = () => undefined;

/** Node-RED validates while a dialog is open too; then what stands in it counts. */
export function useValuesOf(form: (node: EditorNode) => Values | undefined): void {
  valuesInForm = form;
}

/** What Node-RED calls for each property: true, or the texts that it shows at the node and before a deploy. */
export function validate(node: EditorNode, name: string, value: unknown): true | string | string[] {
  const values = { ...(valuesInForm(node) ?? node), [name]: value };
  const problems = problemsOf(declarationOf(node), name, values, (path) => propertyText(node, path));
  if (problems.length === 0) return true;
  const texts = problems.map((problem) => {
    const { message, next } = problemText(problem);
    return sharedText("form.problem", { message, next });
  });
  // Node-RED lists several before a deploy, but marks an open field for a single text only.
  const [only, ...others] = texts;
  return only !== undefined && others.length === 0 ? only : texts;
}
