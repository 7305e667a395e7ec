import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

export const languages = ["en-US", "zh-CN"];
export const plugin = "headrace-editor";
export const packageName = "@headrace/node-red-flume";
/** Where the editor finds the shared texts. */
export const sharedNamespace = `${packageName}/${plugin}`;

/** Properties that several roles have: their texts are shared. */
export const sharedProperties = [
  "name",
  "refused",
  "payload",
  "tracking",
  "settleWithin",
  "eventsInFlight",
  "attemptsBeforeSplit",
];

/**
 * @typedef {{ [key: string]: string | Texts }} Texts
 * @typedef {{ language: string, shared: Texts, errors: Texts, node(type: string): Texts, help(type: string): string }} Catalogue
 */

/**
 * @param {string} root
 * @param {string} language
 * @returns {Catalogue}
 */
export function readCatalogue(root, language) {
  const folder = join(root, "locales", language);
  const json = (/** @type {string} */ name) => {
    const file = join(folder, `${name}.json`);
    return existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : {};
  };
  return {
    language,
    shared: json(plugin),
    errors: json("errors"),
    node: (type) => json(type),
    help: (type) => {
      const file = join(folder, `${type}.md`);
      return existsSync(file) ? readFileSync(file, "utf8") : "";
    },
  };
}

/**
 * One text, or the key itself where there is none: visible, and a test finds it.
 * @param {Texts} texts
 * @param {...string} path
 * @returns {string}
 */
export function textAt(texts, ...path) {
  /** @type {string | Texts | undefined} */
  let found = texts;
  for (const key of path) found = typeof found === "object" ? found[key] : undefined;
  return typeof found === "string" ? found : path.join(".");
}

/**
 * The texts of a node's property, shared or its own.
 * @param {Catalogue} catalogue
 * @param {string} type
 * @param {string} property
 * @returns {Texts}
 */
export function propertyTexts(catalogue, type, property) {
  const texts = sharedProperties.includes(property) ? catalogue.shared : catalogue.node(type);
  const properties = texts["properties"];
  const found = typeof properties === "object" ? properties[property] : undefined;
  return typeof found === "object" ? found : {};
}

/** @param {string} template @param {Record<string, string | number>} values */
export function fill(template, values) {
  return template.replace(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole));
}
