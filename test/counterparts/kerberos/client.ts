import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFile, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import { root } from "../../support/machine";

const run = promisify(execFile);
const source = path.join(root, "test", "counterparts", "kerberos", "client");
const home = path.join(root, ".cache", "counterparts", "kerberos-client");
const RECIPE = ["package.json", "package-lock.json", ".npmrc"];

/** Why the npm package `kerberos` cannot be compiled here, in words for a person, or undefined when it can. */
export async function kerberosClientUnavailable(): Promise<string | undefined> {
  if ((await stampOnDisk()) === (await stampOfRecipe())) return undefined;
  if (!(await answers("--version"))) return 'compiling the package kerberos needs a compiler: no "g++" was found';
  const hasHeader = await answers("-fsyntax-only", "-x", "c++", "-include", "gssapi/gssapi_krb5.h", "/dev/null");
  if (!hasHeader) return "compiling the package kerberos needs MIT Kerberos' header files (Debian: libkrb5-dev)";
  return undefined;
}

/**
 * The optional package `kerberos`, compiled from its own source. Its install script would fetch a binary from GitHub, or
 * Node's header files from nodejs.org: those it needs are an npm package as well.
 * @returns the folder of the package
 */
export async function fetchKerberosClient(): Promise<string> {
  const found = path.join(home, "node_modules", "kerberos");
  const stamp = await stampOfRecipe();
  if ((await stampOnDisk()) === stamp) return found;
  const reason = await kerberosClientUnavailable();
  if (reason !== undefined) throw new Error(reason);

  // Made ready beside its place and moved there whole.
  const draft = `${home}.${process.pid}.draft`;
  await rm(draft, { recursive: true, force: true });
  try {
    await mkdir(draft, { recursive: true });
    for (const name of RECIPE) await copyFile(path.join(source, name), path.join(draft, name));
    await run("npm", ["ci", "--ignore-scripts", "--loglevel=error"], { cwd: draft, timeout: 5 * 60_000 });
    await compile(path.join(draft, "node_modules"));
    await writeFile(path.join(draft, "stamp"), stamp);
    await writeFile(path.join(draft, ".gitignore"), "*\n");
    await rm(home, { recursive: true, force: true });
    try {
      await rename(draft, home);
    } catch (error) {
      // Somebody else made it at the same time and was first.
      if ((await stampOnDisk()) !== stamp) throw error;
    }
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
  return found;
}

/** As the package's binding.gyp says, for Linux. */
async function compile(modules: string): Promise<void> {
  const sources = path.join(modules, "kerberos", "src");
  const unix = (await readdir(path.join(sources, "unix"))).filter((name) => name.endsWith(".cc"));
  const release = path.join(modules, "kerberos", "build", "Release");
  await mkdir(release, { recursive: true });
  await run(
    "g++",
    [
      ...["-std=c++17", "-O1", "-w", "-shared", "-fPIC", "-fexceptions"],
      ...["-DNODE_GYP_MODULE_NAME=kerberos", "-DBUILDING_NODE_EXTENSION", "-DKERBEROS_USE_RTLD=1"],
      ...["-I", path.join(modules, "node-addon-api"), "-I", path.join(modules, "node-api-headers", "include")],
      ...["-o", path.join(release, "kerberos.node")],
      path.join(sources, "kerberos.cc"),
      ...unix.map((name) => path.join(sources, "unix", name)),
      "-ldl",
    ],
    { timeout: 5 * 60_000 },
  );
}

async function stampOfRecipe(): Promise<string> {
  const hash = createHash("sha256").update(process.arch);
  for (const name of RECIPE) hash.update(await readFile(path.join(source, name))).update("\0");
  return hash.digest("hex");
}

async function stampOnDisk(): Promise<string | undefined> {
  try {
    return await readFile(path.join(home, "stamp"), "utf8");
  } catch {
    return undefined;
  }
}

async function answers(...args: readonly string[]): Promise<boolean> {
  try {
    await run("g++", args);
    return true;
  } catch {
    return false;
  }
}
