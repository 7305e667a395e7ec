import { createHash, randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../paths.mjs";

/** The folder of this clone's own Node-RED: flows, credentials, installed palettes. */
export const ownUserDir = join(root, ".node-red");

/**
 * Makes the user directory ready. The first flow is put there once, and brought up to date only as long as the
 * file is the one that was put there, byte for byte: what a person has deployed is theirs.
 * @param {string} userDir
 * @param {string} examples
 * @returns {{ credentialSecret: string }}
 */
export function prepareUserDir(userDir, examples = join(root, "examples")) {
  mkdirSync(userDir, { recursive: true });
  const example = firstExample(examples);
  const flows = join(userDir, "flows.json");
  const record = join(userDir, ".first-flow");
  if (example && (!existsSync(flows) || digest(readFileSync(flows)) === read(record))) {
    writeFileSync(flows, example);
    writeFileSync(record, digest(example));
  }
  return { credentialSecret: secret(join(userDir, ".credential-secret")) };
}

/**
 * The example that comes first in the import menu.
 * @param {string} folder
 */
function firstExample(folder) {
  if (!existsSync(folder)) return undefined;
  const name = readdirSync(folder).find((entry) => /^0*1 - .*\.json$/.test(entry));
  return name ? readFileSync(join(folder, name)) : undefined;
}

/**
 * Node-RED encrypts credentials with it; one for each clone, known to nobody else.
 * @param {string} file
 */
function secret(file) {
  const known = read(file);
  if (known) return known;
  const made = randomBytes(32).toString("hex");
  writeFileSync(file, made, { mode: 0o600 });
  return made;
}

/** @param {string} file */
function read(file) {
  return existsSync(file) ? readFileSync(file, "utf8") : undefined;
}

/** @param {Buffer} bytes */
function digest(bytes) {
  return createHash("sha256").update(bytes).digest("hex");
}
