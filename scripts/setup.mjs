import { installIfNeeded } from "./install.mjs";
import { isMain } from "./is-main.mjs";
import { newNode } from "./node-binaries.mjs";
import { root } from "./paths.mjs";

/**
 * Makes a fresh clone ready, and returns at once in one that is.
 * @returns {Promise<{ node: string }>} the Node binary that runs Node-RED 5 and the tests
 */
export async function setup() {
  await installIfNeeded(root, "the dependencies");
  return { node: await newNode() };
}

if (isMain(import.meta.url)) {
  const { node } = await setup();
  console.log(node);
}
