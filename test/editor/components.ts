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

/** The declarations of all nodes that were built, in the order of the palette. */
export async function declarations(): Promise<Declaration[]> {
  const { findComponents } = await buildModule<Build>("components");
  return findComponents(dist).map(({ declaration }) => declaration);
}
