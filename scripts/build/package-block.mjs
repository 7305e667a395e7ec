import { readFileSync } from "node:fs";
import { join } from "node:path";
import { plugin } from "./texts.mjs";

/** @typedef {import("./components.mjs").Component} Component */

/**
 * package.json with the lists of nodes and plugins that Node-RED loads.
 * @param {string} root
 * @param {readonly Component[]} components
 */
export function packageJson(root, components) {
  const content = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  content["node-red"] = {
    ...content["node-red"],
    nodes: Object.fromEntries(components.map(({ declaration: { type } }) => [type, `dist/${type}.js`])),
    plugins: { [plugin]: `dist/${plugin}.js` },
  };
  return `${JSON.stringify(content, null, 2)}\n`;
}
