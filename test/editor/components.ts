import { join } from "node:path";
import type { Declaration } from "../../lib/engine/component.js";
import { root } from "../support/machine.js";

interface Build {
  findComponents(dist: string): { declaration: Declaration; folder: string }[];
}

export const dist = join(root, "dist");
export const languages = ["en-US", "zh-CN"] as const;
export const editorVersions = ["5", "4.1"] as const;

/** Modules of the build, which are ESM beside tests that are not. */
export async function buildModule<T>(name: string): Promise<T> {
  return (await import(join(root, "scripts", "build", `${name}.mjs`))) as T;
}

/** The declarations of what was built, in the order of the palette: of all, of nodes on the canvas, or of configuration nodes. */
export async function declarations(which: "all" | "node" | "config" = "all"): Promise<Declaration[]> {
  const { findComponents } = await buildModule<Build>("components");
  const all = findComponents(dist).map(({ declaration }) => declaration);
  return all.filter(({ role }) => which === "all" || (role === "config") === (which === "config"));
}
