import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { definitionSource } from "./definition.mjs";
import { engineProperties, findComponents } from "./components.mjs";
import { referencePage } from "./docs.mjs";
import { pluginHtml, pluginSource } from "./editor-plugin.mjs";
import { errorsPage } from "./errors-page.mjs";
import { formHtml } from "./form.mjs";
import { helpHtml } from "./help.mjs";
import { packageJson } from "./package-block.mjs";
import { readmeWithTable } from "./readme-table.mjs";
import { languages, plugin, readCatalogue, textAt } from "./texts.mjs";

/**
 * Makes what Node-RED loads out of the compiled components and the texts: in dist/, flat, because Node-RED looks for
 * icons and texts beside the file that package.json names and nowhere else.
 * @param {{ root: string, dist: string }} options
 */
export async function buildPalette({ root, dist }) {
  const components = findComponents(dist);
  const engine = engineProperties(dist);
  const catalogues = languages.map((language) => readCatalogue(root, language));
  removeStale(dist, new Set(components.map(({ declaration }) => declaration.type)));

  for (const { declaration, folder } of components) {
    const { type } = declaration;
    write(join(dist, `${type}.js`), `module.exports = require("./${folder}/node.js").default;\n`);
    const ownForm = join(root, folder, "editor.html");
    const form = existsSync(ownForm) ? readFileSync(ownForm, "utf8").trim() : formHtml(declaration, engine);
    write(join(dist, `${type}.html`), nodeHtml(type, definitionSource(declaration, engine), form));
    for (const catalogue of catalogues) {
      const texts = catalogue.node(type);
      // The category's name is looked up in the texts of whichever node comes first.
      const palette = { label: { flume: textAt(catalogue.shared, "category") } };
      write(join(dist, "locales", catalogue.language, `${type}.json`), json({ ...texts, palette }));
      write(join(dist, "locales", catalogue.language, `${type}.html`), helpHtml(declaration, catalogue, engine));
    }
    // Configuration nodes always have Node-RED's cog.
    if (declaration.role !== "config") copyIcon(root, dist, declaration.icon);
  }

  write(join(dist, `${plugin}.js`), pluginSource);
  write(join(dist, `${plugin}.html`), await pluginHtml(root, components));
  for (const { language, shared, errors } of catalogues) {
    write(join(dist, "locales", language, `${plugin}.json`), json({ ...shared, errors }));
    for (const name of ["errors.json", "status.json"]) copyText(root, dist, join("locales", language, name));
  }
  writeCommitted(root, generatedFiles({ root, dist }));
}

/**
 * Generated files that are committed, because people read them or npm needs them: path from the root, and content.
 * @param {{ root: string, dist: string }} options
 * @returns {Record<string, string>}
 */
export function generatedFiles({ root, dist }) {
  const components = findComponents(dist);
  const engine = engineProperties(dist);
  const catalogue = readCatalogue(root, "en-US");
  return {
    "package.json": packageJson(root, components),
    "README.md": readmeWithTable(root, components, catalogue),
    "docs/errors.md": errorsPage(root),
    ...Object.fromEntries(
      components.map(({ declaration }) => [
        `docs/nodes/${declaration.type}.md`,
        referencePage(declaration, catalogue, engine),
      ]),
    ),
  };
}

/** In CI they are only compared, by a test: a difference there means that somebody forgot to commit. */
function writeCommitted(/** @type {string} */ root, /** @type {Record<string, string>} */ files) {
  if (process.env.CI === "true") return;
  for (const [path, content] of Object.entries(files)) {
    const file = join(root, path);
    if (!existsSync(file) || readFileSync(file, "utf8") !== content) write(file, content);
  }
}

/** @param {string} type @param {string} definition @param {string} form */
function nodeHtml(type, definition, form) {
  return `<script type="text/javascript">
${definition}
</script>

<script type="text/html" data-template-name="${type}">
${form}
</script>
`;
}

/** @param {string} root @param {string} dist @param {string} icon */
function copyIcon(root, dist, icon) {
  const source = join(root, "icons", icon);
  if (!existsSync(source)) {
    console.error(`icons/${icon} is missing: Node-RED shows an arrow instead`);
    return;
  }
  mkdirSync(join(dist, "icons"), { recursive: true });
  copyFileSync(source, join(dist, "icons", icon));
}

/** @param {string} root @param {string} dist @param {string} path */
function copyText(root, dist, path) {
  if (!existsSync(join(root, path))) return;
  mkdirSync(dirname(join(dist, path)), { recursive: true });
  copyFileSync(join(root, path), join(dist, path));
}

/** What an earlier build made of nodes that are gone. @param {string} dist @param {Set<string>} types */
function removeStale(dist, types) {
  for (const folder of [dist, ...languages.map((language) => join(dist, "locales", language))]) {
    if (!existsSync(folder)) continue;
    for (const name of readdirSync(folder)) {
      const type = /^(flume-[\w-]+)\.(js|html|json)$/.exec(name)?.[1];
      if (type && !types.has(type)) rmSync(join(folder, name));
    }
  }
}

/** @param {string} file @param {string} content */
function write(file, content) {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
}

/** @param {unknown} value */
function json(value) {
  return `${JSON.stringify(value, null, 2)}\n`;
}
