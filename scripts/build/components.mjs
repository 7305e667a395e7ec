import { existsSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, relative, sep } from "node:path";
import { roleOrder } from "./roles.mjs";

const require = createRequire(import.meta.url);

/**
 * @typedef {import("../../lib/engine/component.js").Declaration} Declaration
 * @typedef {{ declaration: Declaration, folder: string }} Component `folder` as in nodes/sources/netcat
 */

/**
 * The components that were compiled, in the order of the palette. One without a node.js is not part of it yet.
 * @param {string} dist
 * @returns {Component[]}
 */
export function findComponents(dist) {
  const found = filesNamed(join(dist, "nodes"), "component.js")
    .filter((file) => existsSync(join(dirname(file), "node.js")))
    .map((file) => ({
      declaration: /** @type {Declaration} */ (require(file).component),
      folder: relative(dist, dirname(file)).split(sep).join("/"),
    }));
  const broken = found.filter(({ declaration }) => !declaration?.type);
  if (broken.length > 0) throw new Error(`No component is exported by ${broken.map((c) => c.folder).join(", ")}`);
  return found.sort((a, b) => compareDeclarations(a.declaration, b.declaration));
}

/** @param {Declaration} a @param {Declaration} b */
function compareDeclarations(a, b) {
  return roleOrder.indexOf(a.role) - roleOrder.indexOf(b.role) || (a.type < b.type ? -1 : 1);
}

/** @param {string} folder @param {string} name @returns {string[]} */
function filesNamed(folder, name) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return filesNamed(path, name);
    return entry.name === name ? [path] : [];
  });
}

/**
 * The part of the engine that tells what a node's form holds, as compiled.
 * @param {string} dist
 * @returns {typeof import("../../lib/engine/common-properties.js")}
 */
export function engineProperties(dist) {
  return require(join(dist, "lib", "engine", "common-properties.js"));
}
