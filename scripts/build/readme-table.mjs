import { readFileSync } from "node:fs";
import { join } from "node:path";
import { textAt } from "./texts.mjs";

const BEGIN = "<!-- nodes: generated -->";
const END = "<!-- /nodes -->";

/**
 * README.md with its table of nodes.
 * @param {string} root
 * @param {readonly import("./components.mjs").Component[]} components
 * @param {import("./texts.mjs").Catalogue} catalogue
 */
export function readmeWithTable(root, components, catalogue) {
  const readme = readFileSync(join(root, "README.md"), "utf8");
  const begin = readme.indexOf(BEGIN) + BEGIN.length;
  const end = readme.indexOf(END);
  const rows = components.map(({ declaration: { type, role, flumeType } }) => {
    const label = textAt(catalogue.node(type), "paletteLabel");
    return `| [${label}](docs/nodes/${type}.md) | ${role} | \`${flumeType}\` | ${summary(catalogue.help(type))} |`;
  });
  const table = ["| node | role | Flume type | what it does |", "|---|---|---|---|", ...rows].join("\n");
  return `${readme.slice(0, begin)}\n${table}\n${readme.slice(end)}`;
}

/** The first paragraph of the help, which is also the palette's tooltip. @param {string} help */
function summary(help) {
  const [paragraph = ""] = help.trim().split(/\n\s*\n/);
  return paragraph.replace(/\s*\n\s*/g, " ").replace(/\|/g, "\\|");
}
