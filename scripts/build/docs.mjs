import { DURABILITY_MARK, durabilityText, helpText, propertyEntries, TABLE_MARK } from "./help.mjs";
import { textAt } from "./texts.mjs";

/**
 * @typedef {import("./components.mjs").Declaration} Declaration
 * @typedef {import("./help.mjs").Entry} Entry
 * @typedef {import("./texts.mjs").Catalogue} Catalogue
 */

/**
 * The reference page of a node: its help, with the properties as a full table.
 * @param {Declaration} declaration
 * @param {Catalogue} catalogue
 * @param {typeof import("../../lib/engine/common-properties.js")} engine
 */
export function referencePage(declaration, catalogue, engine) {
  const texts = catalogue.node(declaration.type);
  const entries = propertyEntries(declaration, catalogue, engine);
  const heading = `### ${textAt(catalogue.shared, "help", "properties")}`;
  const table = [heading, "", ...tableLines(entries, catalogue), ...entries.flatMap((e) => childTables(e, catalogue))];
  const body = helpText(declaration, catalogue, engine)
    .replace(TABLE_MARK, () => table.join("\n").trimEnd())
    .replace(DURABILITY_MARK, () => durabilityText(declaration, catalogue));
  return [
    "<!-- Generated from the node's declaration and texts. Change those, and build. -->",
    `# ${textAt(texts, "paletteLabel")}`,
    "",
    `Node type \`${declaration.type}\`, Flume type \`${declaration.flumeType}\``,
    "",
    ...(declaration.flumeAliases ?? []).flatMap((alias) => aliasLines(declaration, alias)),
    // One level up: the sidebar has a title of its own, a page does not.
    body.trim().replace(/^###/gm, "##").replace(/^####/gm, "###"),
    "",
  ].join("\n");
}

/**
 * What is called otherwise, or has another value, in the configuration of a component that this one stands for too.
 * @param {Declaration} declaration
 * @param {import("../../lib/engine/component.js").FlumeAlias} alias
 */
function aliasLines({ properties }, { flumeType, keys, values = {}, defaults = {} }) {
  const ours = (/** @type {string} */ name) => `\`${properties[name]?.flumeKey ?? name}\``;
  const differences = [
    ...Object.entries(keys).map(([key, name]) => `\`${key}\` is ${ours(name)}`),
    ...Object.entries(values).flatMap(([name, map]) =>
      Object.entries(map).map(([theirs, value]) => `${ours(name)} \`${theirs}\` is \`${value}\``),
    ),
    ...Object.entries(defaults).map(([name, value]) => `${ours(name)} is \`${value}\` by default`),
  ];
  return [`Stands for \`${flumeType}\` too; there ${differences.join(", ")}.`, ""];
}

/** @param {Entry[]} entries @param {Catalogue} catalogue */
function tableLines(entries, catalogue) {
  if (entries.length === 0) return [textAt(catalogue.shared, "help", "none")];
  const columns = ["property", "key", "type", "defaultValue", "limits", "meaning"];
  return [
    row(columns.map((column) => textAt(catalogue.shared, "help", "columns", column))),
    row(columns.map(() => "---")),
    ...entries.map((entry) =>
      row([
        entry.label + (entry.required ? " \\*" : ""),
        entry.key ? `\`${entry.key}\`` : "",
        entry.type,
        entry.default,
        entry.limits,
        entry.help,
      ]),
    ),
  ];
}

/** @param {Entry} entry @param {Catalogue} catalogue @returns {string[]} */
function childTables(entry, catalogue) {
  return entry.children.flatMap((child) => [
    "",
    `#### ${entry.label}${child.title ? `: ${child.title}` : ""}`,
    "",
    ...(child.help ? [child.help, ""] : []),
    ...(child.entries.length > 0 ? tableLines(child.entries, catalogue) : []),
  ]);
}

/** @param {string[]} cells */
function row(cells) {
  return `| ${cells.map((cell) => cell.replace(/\|/g, "\\|")).join(" | ")} |`;
}
