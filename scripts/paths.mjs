import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The clone this script belongs to, whatever the current directory is. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** What Node-RED loads. */
export const dist = join(root, "dist");

/** Compiled tests and benches, screenshots, stamps: everything that may be deleted at any time. */
export const buildDir = join(root, "build");
