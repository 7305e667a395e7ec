import { registerHooks } from "node:module";
import { pathToFileURL } from "node:url";

/**
 * Lets `import("kerberos")` find the package that was compiled for the tests: users have it beside Headrace.
 * Also for `node --require`, with the folder of the package in HEADRACE_KERBEROS_PACKAGE.
 * @returns takes it away again
 */
export function provideKerberos(folder: string): () => void {
  const url = pathToFileURL(`${folder}/lib/index.js`).href;
  const hooks = registerHooks({
    resolve: (specifier, context, next) =>
      specifier === "kerberos" ? { url, format: "commonjs", shortCircuit: true } : next(specifier, context),
  });
  return () => hooks.deregister();
}

/** Why the package cannot be provided on this Node.js. */
export const noHooks =
  typeof registerHooks === "function" ? undefined : "providing the package kerberos needs Node.js 22.15";

const named = process.env["HEADRACE_KERBEROS_PACKAGE"];
if (named !== undefined) provideKerberos(named);
