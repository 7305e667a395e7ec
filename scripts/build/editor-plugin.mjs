import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { plugin } from "./texts.mjs";

/** @typedef {import("./components.mjs").Component} Component */
/** @typedef {import("./components.mjs").Declaration} Declaration */

/** The runtime half of the plugin: there is nothing for it to do, but Node-RED wants a module. */
export const pluginSource = `module.exports = function (RED) {
  RED.plugins.registerPlugin("${plugin}", { type: "${plugin}" });
};
`;

/**
 * What all nodes share in the browser: styles, code and the declarations as data.
 * @param {string} root
 * @param {readonly Component[]} components
 */
export async function pluginHtml(root, components) {
  const folder = join(root, "lib", "palette", "editor");
  const bundle = await build({
    stdin: { contents: entrySource(root, components), resolveDir: root, loader: "ts" },
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
  const data = JSON.stringify(components.map(({ declaration }) => dataOf(declaration))).replace(/</g, "\\u003c");
  return `<style>
${readFileSync(join(folder, "form.css"), "utf8").trim()}
</style>
<script type="text/javascript">
${bundle.outputFiles[0]?.text.trim()}
Headrace.declare(${data});
</script>
`;
}

/**
 * The shared code, and what single components add to it in a file editor.ts of their own: it exports `preview`, which
 * shows in the dialog what the settings make of a sample event.
 * @param {string} root
 * @param {readonly Component[]} components
 */
function entrySource(root, components) {
  const own = components.filter(({ folder }) => existsSync(join(root, folder, "editor.ts")));
  return [
    'export * from "./lib/palette/editor/index.js";',
    'import { addPreview } from "./lib/palette/editor/index.js";',
    ...own.flatMap(({ declaration, folder }, index) => [
      `import { preview as preview${index} } from "./${folder}/editor.js";`,
      `addPreview(${JSON.stringify(declaration.type)}, preview${index});`,
    ]),
  ].join("\n");
}

/** A declaration without its functions. @param {Declaration} declaration */
function dataOf(declaration) {
  return Object.fromEntries(Object.entries(declaration).filter(([, value]) => typeof value !== "function"));
}
