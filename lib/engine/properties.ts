import { addressesIn, isAddress, withoutLogin } from "./addresses.js";
import { type ErrorCode, HeadraceError } from "./errors.js";
import { compilePattern } from "./pattern.js";

/**
 * The properties of a component, written once. The editor's form and validation, the runtime's
 * parsing, flume.properties import and export, the help tables and the reference docs all read this,
 * so it is plain data: nothing here may need Node.js.
 */
interface PropertyBase {
  /** The name in flume.properties, relative to the component (`keep-alive`, `sink.rollInterval`). Absent where Flume has no such property. */
  readonly flumeKey?: string;
  readonly required?: boolean;
  /** Shown under "Advanced" in the form. */
  readonly advanced?: boolean;
  /** Shown only while another property has one of these values: a neighbour, or for a field of a list one of the node. */
  readonly shownWhen?: { readonly property: string; readonly is: readonly (string | boolean)[] };
}

export interface TextProperty extends PropertyBase {
  readonly kind: "text";
  readonly default: string;
  /** What the text must be; checked in the form and at deploy. */
  readonly format?: "regex" | "charset" | "directory" | "host" | "addresses" | "header" | "file-name";
}
export interface NumberProperty extends PropertyBase {
  readonly kind: "number";
  readonly default: number;
  readonly min: number;
  readonly max: number;
  /** `ms`, `s`, `bytes`, `events`, `chars`, `%` …; shown behind the field. */
  readonly unit?: string;
}
export interface BooleanProperty extends PropertyBase {
  readonly kind: "boolean";
  readonly default: boolean;
}
export interface ChoiceProperty<O extends string = string> extends PropertyBase {
  readonly kind: "choice";
  readonly default: O;
  readonly options: readonly O[];
  /** Other names of the options, such as the class names that stand in people's flume.properties; in any case. */
  readonly aliases?: Readonly<Record<string, O>>;
}
/** Kept as a Node-RED credential: never exported, never in a status or a log. */
export interface SecretProperty extends PropertyBase {
  readonly kind: "secret";
  readonly default: "";
}
/** A Node-RED config node, by id. */
export interface NodeProperty extends PropertyBase {
  readonly kind: "node";
  readonly default: "";
  readonly nodeType: string;
}
/** A list of equal rows. `ports`: one output port for each row, in order. */
export interface RowsProperty<F extends Properties = Properties> extends PropertyBase {
  readonly kind: "rows";
  readonly default: readonly { readonly [field: string]: unknown }[];
  readonly fields: F;
  readonly ports?: boolean;
}
/** An ordered list of rules, each of one of several kinds (`type` names it). */
export interface RulesProperty<V extends Readonly<Record<string, Properties>> = Readonly<Record<string, Properties>>>
  extends PropertyBase {
  readonly kind: "rules";
  readonly default: readonly { readonly type: string; readonly [field: string]: unknown }[];
  readonly variants: V;
}

export type Property =
  | TextProperty
  | NumberProperty
  | BooleanProperty
  | ChoiceProperty
  | SecretProperty
  | NodeProperty
  | RowsProperty
  | RulesProperty;

export interface Properties {
  readonly [name: string]: Property;
}

type Simplify<T> = { [K in keyof T]: T[K] };
type RuleOf<V> = { [K in keyof V]: Simplify<{ type: K } & ConfigOf<V[K]>> }[keyof V];
type ValueOf<P> = P extends { kind: "choice"; options: readonly (infer O)[] }
  ? O
  : P extends { kind: "number" }
    ? number
    : P extends { kind: "boolean" }
      ? boolean
      : P extends { kind: "rows"; fields: infer F }
        ? readonly ConfigOf<F>[]
        : P extends { kind: "rules"; variants: infer V }
          ? readonly RuleOf<V>[]
          : string;
/** The parsed configuration that a set of properties gives. */
export type ConfigOf<P> = Simplify<{ readonly [K in keyof P]: ValueOf<P[K]> }>;

type Options<P extends PropertyBase> = Omit<P, "kind" | "default">;

export function text(value: string, options: Options<TextProperty> = {}): TextProperty {
  return { kind: "text", default: value, ...options };
}
export function number(
  value: number,
  options: Omit<NumberProperty, "kind" | "default" | "max" | "min"> & { min?: number; max?: number } = {},
): NumberProperty {
  return { kind: "number", default: value, min: 0, max: Number.MAX_SAFE_INTEGER, ...options };
}
export function boolean(value: boolean, options: Options<BooleanProperty> = {}): BooleanProperty {
  return { kind: "boolean", default: value, ...options };
}
export function choice<const O extends string>(
  options: readonly O[],
  value: NoInfer<O>,
  more: Omit<Options<ChoiceProperty<O>>, "options"> = {},
): ChoiceProperty<O> {
  return { kind: "choice", default: value, options, ...more };
}
export function secret(options: Options<SecretProperty> = {}): SecretProperty {
  return { kind: "secret", default: "", ...options };
}
export function configNode(nodeType: string, options: Omit<Options<NodeProperty>, "nodeType"> = {}): NodeProperty {
  return { kind: "node", default: "", nodeType, ...options };
}
export function rows<F extends Properties>(
  fields: F,
  value: RowsProperty["default"],
  options: Omit<Options<RowsProperty<F>>, "fields"> = {},
): RowsProperty<F> {
  return { kind: "rows", default: value, fields, ...options };
}
export function rules<V extends Readonly<Record<string, Properties>>>(
  variants: V,
  value: RulesProperty["default"],
  options: Omit<Options<RulesProperty<V>>, "variants"> = {},
): RulesProperty<V> {
  return { kind: "rules", default: value, variants, ...options };
}

/** One property must not be above another of the same component. */
export interface AtMostRule {
  readonly property: string;
  readonly atMost: string;
}

/** Two capacities of the same component, one of which must be above 0. */
export interface RoomRule {
  readonly property: string;
  readonly orElse: string;
}

/** What the numbers of a component must be to each other. */
export type LimitRule = AtMostRule | RoomRule;

/** One of these is needed, or several. */
export interface OneOfRule {
  readonly oneOf: readonly string[];
  /** The error's, which names them all. */
  readonly code: ErrorCode;
}

/**
 * A directory that must not be another one of the same component. A dialog goes by how the two are written; where they
 * are opened they are compared as they are resolved.
 */
export interface ApartRule {
  readonly property: string;
  readonly from: string;
}

/** The default value of each property, as a new node in the editor gets it. */
export function defaultsOf(properties: Properties): Record<string, unknown> {
  return Object.fromEntries(Object.entries(properties).map(([name, property]) => [name, property.default]));
}

/**
 * Reads a configuration: missing and empty values take the default, texts are turned into numbers
 * and booleans (environment variables arrive as text). Returns every problem found, not only the first.
 */
export function readConfig<P extends Properties>(
  properties: P,
  raw: Readonly<Record<string, unknown>>,
  limits: readonly LimitRule[] = [],
): { config: ConfigOf<P>; problems: HeadraceError[] } {
  const problems: HeadraceError[] = [];
  const config = readFields(properties, raw, "", problems);
  for (const rule of limits) {
    const problem = limitProblem(
      rule,
      (name) => (typeof config[name] === "number" ? config[name] : undefined),
      (name) => name,
    );
    if (problem) problems.push(problem);
  }
  return { config: config as ConfigOf<P>, problems };
}

/** What is wrong with numbers of which each is right by itself; a value that is not known is not judged. */
export function limitProblem(
  rule: LimitRule,
  valueOf: (property: string) => number | undefined,
  nameOf: (property: string) => string,
): HeadraceError | undefined {
  const value = valueOf(rule.property);
  const field = nameOf(rule.property);
  if ("orElse" in rule) {
    if (value !== 0 || valueOf(rule.orElse) !== 0) return undefined;
    return new HeadraceError("FLUME_CONFIG_NO_ROOM", { field, value, other: nameOf(rule.orElse) });
  }
  const limit = valueOf(rule.atMost);
  if (value === undefined || limit === undefined || value <= limit) return undefined;
  return new HeadraceError("FLUME_CONFIG_ABOVE", { field, value, other: nameOf(rule.atMost), limit });
}

/** What is wrong with one value, or undefined: what the form asks for each field. */
export function problemOf(property: Property, value: unknown, field: string): HeadraceError | undefined {
  const problems: HeadraceError[] = [];
  readValue(property, value, field, problems);
  return problems[0];
}

function readFields(
  properties: Properties,
  raw: Readonly<Record<string, unknown>>,
  prefix: string,
  problems: HeadraceError[],
  outer?: Surroundings,
): Record<string, unknown> {
  const config: Record<string, unknown> = {};
  const surroundings = { properties: { ...outer?.properties, ...properties }, values: { ...outer?.values, ...raw } };
  for (const [name, property] of Object.entries(properties)) {
    // What is hidden does not count, so a leftover value in it cannot stop a deploy.
    const found = isShown(property, surroundings.properties, surroundings.values) ? problems : [];
    config[name] = readValue(property, raw[name], prefix + (property.flumeKey ?? name), found, surroundings);
  }
  return config;
}

/** A node's properties and their values, as seen by the fields of a list in it. */
interface Surroundings {
  readonly properties: Properties;
  readonly values: Readonly<Record<string, unknown>>;
}

/** Whether a property applies, given the values of its neighbours: such as a codec, with the kind of file that has one. */
export function isShown(
  property: Property,
  properties: Properties,
  values: Readonly<Record<string, unknown>>,
): boolean {
  const { shownWhen } = property;
  if (!shownWhen) return true;
  const other = properties[shownWhen.property];
  const value = values[shownWhen.property] ?? other?.default;
  const chosen = other?.kind === "choice" ? (optionOf(other, value) ?? value) : value;
  if (!shownWhen.is.some((wanted) => String(wanted) === String(chosen))) return false;
  // What hangs on a property that does not apply does not apply either.
  return other === undefined || isShown(other, properties, values);
}

/** The option that a value means; undefined when it is none. */
export function optionOf(property: ChoiceProperty, value: unknown): string | undefined {
  const wanted = String(value).trim().toLowerCase();
  const isWanted = (name: string) => name.toLowerCase() === wanted;
  const option = property.options.find(isWanted);
  if (option !== undefined) return option;
  const alias = Object.keys(property.aliases ?? {}).find(isWanted);
  return alias === undefined ? undefined : property.aliases?.[alias];
}

function readValue(
  property: Property,
  raw: unknown,
  field: string,
  problems: HeadraceError[],
  around?: Surroundings,
): unknown {
  if (property.kind === "rows" || property.kind === "rules") return readList(property, raw, field, problems, around);
  if (raw === undefined || raw === null || raw === "" || isBlank(property, raw)) {
    if (property.required && property.default === "") {
      const code = property.kind === "node" ? "FLUME_CONFIG_NODE_REQUIRED" : "FLUME_CONFIG_REQUIRED";
      problems.push(new HeadraceError(code, { field }));
    }
    // An empty text field is a choice where empty is a meaningful value.
    return raw === "" && property.kind === "text" && !property.required ? "" : property.default;
  }
  switch (property.kind) {
    case "number":
      return readNumber(property, raw, field, problems);
    case "boolean":
      if (typeof raw === "boolean") return raw;
      if (/^(true|false)$/i.test(String(raw).trim())) return String(raw).trim().toLowerCase() === "true";
      problems.push(new HeadraceError("FLUME_CONFIG_NOT_BOOLEAN", { field, value: shown(raw) }));
      return property.default;
    case "choice": {
      const option = optionOf(property, raw);
      if (option !== undefined) return option;
      const options = property.options.join(", ");
      problems.push(new HeadraceError("FLUME_CONFIG_NOT_A_CHOICE", { field, value: shown(raw), options }));
      return property.default;
    }
    case "text":
      if (typeof raw === "object") break;
      checkFormat(property, String(raw), field, problems);
      return String(raw);
    default:
      if (typeof raw === "object") break;
      return String(raw);
  }
  problems.push(new HeadraceError("FLUME_CONFIG_NOT_TEXT", { field, value: shown(raw) }));
  return property.default;
}

/** Whether it looks filled in and is not. In a pattern a space is something to look for. */
function isBlank(property: Property, raw: unknown): boolean {
  if (property.kind !== "text" || !property.required || property.default !== "") return false;
  return property.format !== "regex" && typeof raw === "string" && raw.trim() === "";
}

/** A value that came from a flow that was written by hand or by a program: it may be anything. */
function shown(raw: unknown): string {
  return typeof raw === "object" ? JSON.stringify(raw) : String(raw);
}

function readNumber(property: NumberProperty, raw: unknown, field: string, problems: HeadraceError[]): number {
  const text = typeof raw === "string" ? raw.trim() : "";
  const value = typeof raw === "number" ? raw : text === "" ? Number.NaN : Number(text);
  if (!Number.isInteger(value)) {
    problems.push(new HeadraceError("FLUME_CONFIG_NOT_A_NUMBER", { field, value: shown(raw) }));
    return property.default;
  }
  if (value < property.min || value > property.max) {
    const { min, max } = property;
    problems.push(new HeadraceError("FLUME_CONFIG_OUT_OF_RANGE", { field, value, min, max }));
    return property.default;
  }
  return value;
}

/** Cannot lead out of a directory, whatever stands around it: no separator of any system, no `..`, no control character. */
// oxlint-disable-next-line no-control-regex
const FILE_NAME_PART = /^(?!.*\.\.)[^/\\\u0000-\u001f\u007f]*$/;

function checkFormat(property: TextProperty, value: string, field: string, problems: HeadraceError[]): void {
  if (property.format === "regex") {
    try {
      compilePattern(value);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      problems.push(new HeadraceError("FLUME_CONFIG_REGEX", { field, value, reason }));
    }
  }
  if (property.format === "charset") {
    try {
      new TextDecoder(value);
    } catch {
      problems.push(new HeadraceError("FLUME_CONFIG_CHARSET", { field, value }));
    }
  }
  if (property.format === "addresses") {
    const addresses = addressesIn(value);
    const wrong = addresses.length === 0 ? value : addresses.find((address) => !isAddress(address));
    if (wrong !== undefined) {
      problems.push(new HeadraceError("FLUME_CONFIG_ADDRESSES", { field, value: withoutLogin(wrong) }));
    }
  }
  if (property.format === "file-name" && !FILE_NAME_PART.test(value)) {
    problems.push(new HeadraceError("FLUME_CONFIG_FILE_NAME", { field, value }));
  }
}

function readList(
  property: RowsProperty | RulesProperty,
  raw: unknown,
  field: string,
  problems: HeadraceError[],
  around?: Surroundings,
): readonly Record<string, unknown>[] {
  const list: unknown = raw ?? property.default;
  if (!Array.isArray(list)) {
    problems.push(new HeadraceError("FLUME_CONFIG_NOT_A_LIST", { field, value: shown(raw) }));
    return [];
  }
  if (property.required && list.length === 0) problems.push(new HeadraceError("FLUME_CONFIG_REQUIRED", { field }));
  return list.map((entry: unknown, index) => {
    const row = (typeof entry === "object" && entry !== null ? entry : {}) as Record<string, unknown>;
    const prefix = `${field}[${index + 1}].`;
    if (property.kind === "rows") return readFields(property.fields, row, prefix, problems, around);
    const type = String(row["type"]);
    const fields = property.variants[type];
    if (!fields) {
      const options = Object.keys(property.variants).join(", ");
      problems.push(new HeadraceError("FLUME_CONFIG_NOT_A_CHOICE", { field: `${prefix}type`, value: type, options }));
      return { type };
    }
    return { type, ...readFields(fields, row, prefix, problems, around) };
  });
}
