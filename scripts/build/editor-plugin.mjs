import { readFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { plugin } from "./texts.mjs";

/** @typedef {import("./components.mjs").Declaration} Declaration */

/** The runtime half of the plugin: there is nothing for it to do, but Node-RED wants a module. */
export const pluginSource = `module.exports = function (RED) {
  RED.plugins.registerPlugin("${plugin}", { type: "${plugin}" });
};
`;

/**
 * What all nodes share in the browser: styles, code and the declarations as data.
 * @param {string} root
 * @param {readonly Declaration[]} declarations
 */
export async function pluginHtml(root, declarations) {
  const folder = join(root, "lib", "palette", "editor");
  const bundle = await build({
    entryPoints: [join(folder, "index.ts")],
    bundle: true,
    write: false,
    format: "iife",
    globalName: "Headrace",
    target: "es2022",
    charset: "utf8",
    legalComments: "none",
    logLevel: "warning",
  });
  // No end of script inside a script.
  const data = JSON.stringify(declarations.map(dataOf)).replace(/</g, "\\u003c");
  return `<style>
${readFileSync(join(folder, "form.css"), "utf8").trim()}
</style>
<script type="text/javascript">
${bundle.outputFiles[0]?.text.trim()}
Headrace.declare(${data});
</script>
`;
}

/** A declaration without its functions. @param {Declaration} declaration */
function dataOf(declaration) {
  return Object.fromEntries(Object.entries(declaration).filter(([, value]) => typeof value !== "function"));
}
