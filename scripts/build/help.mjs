import { fill, propertyTexts, textAt } from "./texts.mjs";

/**
 * @typedef {import("./components.mjs").Declaration} Declaration
 * @typedef {import("../../lib/engine/properties.js").Property} Property
 * @typedef {import("../../lib/engine/properties.js").Properties} Properties
 * @typedef {import("./texts.mjs").Catalogue} Catalogue
 * @typedef {import("./texts.mjs").Texts} Texts
 */

/**
 * One line of the table of properties, for the help and the reference page alike.
 * @typedef {{ name: string, label: string, help: string, key: string | undefined, type: string, default: string,
 *   limits: string, required: boolean, alternatives: string[], children: { title: string, help: string, entries: Entry[] }[] }} Entry
 */

/** Stands in the hand-written help where the generated table goes. */
export const TABLE_MARK = "<!-- properties -->";
/** Stands where the help tells what a channel promises, for each of the settings that it hangs on. */
export const DURABILITY_MARK = "<!-- durability -->";

/**
 * @param {Declaration} declaration
 * @param {Catalogue} catalogue
 */
export function durabilityText({ type, durability, properties }, catalogue) {
  const { shared } = catalogue;
  const promise = (/** @type {string} */ name) => textAt(shared, "durability", name);
  if (durability === undefined || typeof durability === "string") return promise(durability ?? "none");
  const setting = (/** @type {[string, string | number | boolean]} */ [name, value]) => {
    const texts = propertyTexts(catalogue, type, name);
    const shown =
      properties[name]?.kind === "choice" ? textAt(texts, "options", String(value)) : wordFor(value, shared);
    return fill(textAt(shared, "durability", "setting"), { property: textAt(texts, "label"), value: shown });
  };
  const exceptions = durability.unless.map(({ when, promises }) => {
    const settings = Object.entries(when)
      .map(setting)
      .join(textAt(shared, "words", "separator"));
    return `- ${fill(textAt(shared, "durability", "with"), { settings, promise: promise(promises) })}`;
  });
  return [`- ${promise(durability.promises)}`, ...exceptions].join("\n");
}

/** @param {string | number | boolean} value @param {Texts} shared */
function wordFor(value, shared) {
  return typeof value === "boolean" ? textAt(shared, "words", value ? "on" : "off") : String(value);
}

/**
 * @param {Declaration} declaration
 * @param {Catalogue} catalogue
 * @param {typeof import("../../lib/engine/common-properties.js")} engine
 * @returns {Entry[]}
 */
export function propertyEntries(declaration, catalogue, engine) {
  const properties = engine.nodeProperties(declaration);
  return Object.entries(properties).map(([name, property]) =>
    entryOf(name, property, propertyTexts(catalogue, declaration.type, name), catalogue),
  );
}

/** @param {string} name @param {Property} property @param {Texts} texts @param {Catalogue} catalogue @returns {Entry} */
function entryOf(name, property, texts, catalogue) {
  return {
    name,
    label: textAt(texts, "label"),
    help: textAt(texts, "help"),
    key: property.flumeKey,
    type: textAt(catalogue.shared, "types", property.kind),
    default: defaultText(property, texts, catalogue),
    limits: limitsText(property, texts, catalogue),
    required: property.required === true,
    alternatives: alternativesOf(property, texts),
    children: childrenOf(property, texts, catalogue),
  };
}

/** What else may be chosen. @param {Property} property @param {Texts} texts */
function alternativesOf(property, texts) {
  if (property.kind !== "choice") return [];
  return property.options
    .filter((option) => option !== property.default)
    .map((option) => textAt(texts, "options", option));
}

/** @param {Property} property @param {Texts} texts @param {Catalogue} catalogue */
function childrenOf(property, texts, catalogue) {
  const entries = (/** @type {Properties} */ fields, /** @type {Texts} */ own) =>
    Object.entries(fields).map(([name, field]) => entryOf(name, field, section(own, "fields", name), catalogue));
  if (property.kind === "rows") return [{ title: "", help: "", entries: entries(property.fields, texts) }];
  if (property.kind !== "rules") return [];
  return Object.entries(property.variants).map(([kind, fields]) => {
    const own = section(texts, "variants", kind);
    return { title: textAt(own, "label"), help: textAt(own, "help"), entries: entries(fields, own) };
  });
}

/** @param {Texts} texts @param {...string} path @returns {Texts} */
function section(texts, ...path) {
  /** @type {string | Texts | undefined} */
  let found = texts;
  for (const key of path) found = typeof found === "object" ? found[key] : undefined;
  return typeof found === "object" ? found : {};
}

/** @param {Property} property @param {Texts} texts @param {Catalogue} catalogue */
function defaultText(property, texts, catalogue) {
  const { shared } = catalogue;
  switch (property.kind) {
    case "number":
      return withUnit(property.default, property.unit, catalogue);
    case "boolean":
      return textAt(shared, "words", property.default ? "on" : "off");
    case "choice":
      return textAt(texts, "options", property.default);
    case "text":
      return property.default === "" ? "" : `\`${property.default}\``;
    default:
      return "";
  }
}

/** @param {Property} property @param {Texts} texts @param {Catalogue} catalogue */
function limitsText(property, texts, catalogue) {
  const { shared } = catalogue;
  if (property.kind === "choice") {
    return property.options
      .map((option) => textAt(texts, "options", option))
      .join(textAt(shared, "words", "separator"));
  }
  if (property.kind === "text" && property.format) return textAt(shared, "formats", property.format);
  if (property.kind !== "number") return "";
  const { min, max } = property;
  const grouped = (/** @type {number} */ value) => numberText(value, property.unit);
  const key = max >= Number.MAX_SAFE_INTEGER ? "atLeast" : "between";
  return fill(textAt(shared, "words", key), { min: grouped(min), max: grouped(max) });
}

/** Amounts have a unit and are grouped; what has none is a name, like a port. @param {number} value @param {string | undefined} unit */
function numberText(value, unit) {
  return unit ? value.toLocaleString("en-US") : String(value);
}

/** @param {number} value @param {string | undefined} unit @param {Catalogue} catalogue */
function withUnit(value, unit, catalogue) {
  const number = numberText(value, unit);
  return unit ? `${number} ${textAt(catalogue.shared, "units", unit)}` : number;
}

/** The last section, which stays last; the same heading level in all languages. */
const REFERENCES = /\n### [^\n]*\n+- \[[^]*$/;

/**
 * What was written by hand for a node. To that of nodes with outputs comes what holds for all wires to ordinary nodes.
 * @param {Declaration} declaration
 * @param {Catalogue} catalogue
 * @param {typeof import("../../lib/engine/common-properties.js")} engine
 */
export function helpText(declaration, catalogue, engine) {
  const text = catalogue.help(declaration.type).trimEnd();
  const properties = engine.nodeProperties(declaration);
  const shared = [
    ...("tracking" in properties ? [catalogue.help("headrace-ordinary-nodes")] : []),
    ...("attemptsBeforeSplit" in properties ? [catalogue.help("headrace-failing-events")] : []),
  ];
  if (shared.length === 0) return text;
  const addition = `\n\n${shared.map((part) => part.trim()).join("\n\n")}\n`;
  const at = REFERENCES.exec(text)?.index ?? text.length;
  return `${text.slice(0, at).trimEnd()}${addition}${text.slice(at)}`;
}

/** @param {string} text */
const escapeHtml = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
/** @param {string} text */
const codeToHtml = (text) => escapeHtml(text).replace(/`([^`]*)`/g, "<code>$1</code>");

/**
 * The help of a node as the editor shows it: what was written by hand, with the table of properties in its place.
 * @param {Declaration} declaration
 * @param {Catalogue} catalogue
 * @param {typeof import("../../lib/engine/common-properties.js")} engine
 */
export function helpHtml(declaration, catalogue, engine) {
  const entries = propertyEntries(declaration, catalogue, engine);
  const table = entries.length > 0 ? definitionList(entries, catalogue) : textAt(catalogue.shared, "help", "none");
  const heading = `### ${textAt(catalogue.shared, "help", "properties")}`;
  const text = helpText(declaration, catalogue, engine)
    .replace(TABLE_MARK, () => `${heading}\n\n${table}`)
    .replace(DURABILITY_MARK, () => durabilityText(declaration, catalogue));
  return `<script type="text/markdown" data-help-name="${declaration.type}">\n${text.trim()}\n</script>\n`;
}

/** A list and not a table: the sidebar is narrow. @param {Entry[]} entries @param {Catalogue} catalogue @returns {string} */
function definitionList(entries, catalogue) {
  const items = entries.map((entry) => {
    const term = `<dt${entry.required ? "" : ' class="optional"'}>${escapeHtml(entry.label)} <span class="property-type">${escapeHtml(entry.type)}</span></dt>`;
    const facts = factsOf(entry, catalogue)
      .map(codeToHtml)
      .join(textAt(catalogue.shared, "words", "semicolon"));
    const children = entry.children
      .map((child) => {
        const title = child.title ? `<h4>${escapeHtml(child.title)}</h4>${codeToHtml(child.help)}` : "";
        return title + (child.entries.length > 0 ? definitionList(child.entries, catalogue) : "");
      })
      .join("");
    return `${term}<dd>${codeToHtml(entry.help)}${facts ? `<br><span class="headrace-facts">${facts}</span>` : ""}${children}</dd>`;
  });
  return `<dl class="message-properties">${items.join("")}</dl>`;
}

/** @param {Entry} entry @param {Catalogue} catalogue */
function factsOf(entry, catalogue) {
  const { shared } = catalogue;
  return [
    ...(entry.default ? [fill(textAt(shared, "help", "default"), { value: entry.default })] : []),
    ...(entry.alternatives.length > 0
      ? [fill(textAt(shared, "help", "or"), { value: entry.alternatives.join(textAt(shared, "words", "separator")) })]
      : entry.limits
        ? [entry.limits]
        : []),
    ...(entry.key ? [fill(textAt(shared, "help", "flumeKey"), { key: `\`${entry.key}\`` })] : []),
  ];
}
