import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync, existsSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { root } from "./paths.mjs";

const CHINESE = join(root, "node_modules", "@fontsource-variable", "noto-sans-sc");

/**
 * Fonts for the browser that takes the pictures: a bare machine has none for Chinese, and those it has differ.
 * @param {string} cache
 * @param {string} latin folder with the font that comes with Chromium
 * @returns {Promise<string>} path of a fontconfig file
 */
export async function fonts(cache, latin) {
  const { version } = JSON.parse(readFileSync(join(CHINESE, "package.json"), "utf8"));
  const target = join(cache, `fonts-${version}`);
  const configuration = join(target, "fonts.conf");
  if (existsSync(configuration)) return configuration;
  const partial = `${target}.partial`;
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(partial, { recursive: true });
  // npm has it for the web only, in a form that fontconfig does not read.
  const { decompress } = createRequire(import.meta.url)("wawoff2");
  const source = join(CHINESE, "files");
  for (const name of readdirSync(source).filter((file) => file.endsWith(".woff2"))) {
    const font = await decompress(readFileSync(join(source, name)));
    writeFileSync(join(partial, name.replace(/woff2$/, "ttf")), font);
  }
  writeFileSync(join(partial, "fonts.conf"), fontConfiguration([latin, target], join(target, "cache")));
  renameSync(partial, target);
  return configuration;
}

/**
 * @param {string[]} folders
 * @param {string} cache
 */
function fontConfiguration(folders, cache) {
  const prefer = (/** @type {string} */ family, /** @type {string[]} */ fonts) =>
    `  <alias binding="same"><family>${family}</family><prefer>${fonts
      .map((font) => `<family>${font}</family>`)
      .join("")}</prefer></alias>`;
  const text = ["Open Sans", "Noto Sans SC Variable", "Noto Sans SC"];
  return `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
${[...folders, "/usr/share/fonts"].map((folder) => `  <dir>${folder}</dir>`).join("\n")}
  <cachedir>${cache}</cachedir>
${["sans-serif", "Helvetica Neue", "Helvetica", "Arial"].map((family) => prefer(family, text)).join("\n")}
${prefer("monospace", ["DejaVu Sans Mono", ...text])}
</fontconfig>
`;
}
