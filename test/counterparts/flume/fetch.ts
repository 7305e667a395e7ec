import { execFile, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import { root } from "../../support/machine";

/** Where a fetched Flume lies. */
export interface FlumeInstallation {
  /** The jars of Flume and of all it needs. */
  readonly jars: string;
  /** The class that answers metrics on loopback. */
  readonly monitorClasses: string;
}

const run = promisify(execFile);

const recipe = path.join(root, "test", "counterparts", "flume");
const pom = path.join(recipe, "pom.xml");
const monitorSource = path.join(recipe, "monitor", "headrace", "counterparts", "LoopbackMetrics.java");
const cache = path.join(root, ".cache", "counterparts");
const home = path.join(cache, "flume");

const installation: FlumeInstallation = {
  jars: path.join(home, "jars"),
  monitorClasses: path.join(home, "classes"),
};

/** Two bindings of slf4j on one class path clash; log4j 2 is the one that stays. */
const clashing = /^(slf4j-reload4j|reload4j)-.*\.jar$/;

/**
 * Why a Flume agent cannot be started on this machine, in words for a person, or undefined when it can.
 * Tests skip with this text.
 */
export async function flumeUnavailable(): Promise<string | undefined> {
  const major = await javaMajorVersion();
  if (major === undefined) return 'a real Flume needs Java 11 or newer: no "java" was found on the PATH';
  if (major < 11) return `a real Flume needs Java 11 or newer here: "java" is version ${major}`;
  if ((await stampOnDisk()) === (await stampOfRecipe())) return undefined;
  if (!(await answers("javac", "-version"))) {
    return 'fetching Flume needs a JDK: "java" is there, but no "javac" was found on the PATH';
  }
  if (!(await answers("mvn", "-v"))) return 'fetching Flume needs Maven: no "mvn" was found on the PATH';
  return undefined;
}

/**
 * Brings the jars of Flume 1.11 through Maven, once: what was fetched for the same recipe is used again.
 * Takes about a minute the first time. Rejects with what Maven said when it fails.
 */
export async function fetchFlume(): Promise<FlumeInstallation> {
  const stamp = await stampOfRecipe();
  if ((await stampOnDisk()) === stamp) return installation;
  const reason = await flumeUnavailable();
  if (reason !== undefined) throw new Error(reason);

  // Made ready beside its place and moved there whole, so that an interrupted fetch is never mistaken for one.
  const draft = path.join(cache, `flume.${process.pid}.draft`);
  await rm(draft, { recursive: true, force: true });
  try {
    await mkdir(path.join(draft, "jars"), { recursive: true });
    await copyJars(path.join(draft, "jars"));
    for (const jar of await readdir(path.join(draft, "jars"))) {
      if (clashing.test(jar)) await rm(path.join(draft, "jars", jar));
    }
    await run("javac", [
      "--release",
      "11",
      "-cp",
      path.join(draft, "jars", "*"),
      "-proc:none",
      "-d",
      path.join(draft, "classes"),
      monitorSource,
    ]);
    await writeFile(path.join(draft, "stamp"), stamp);
    // For those who run this without the project's own ignore rules.
    await writeFile(path.join(draft, ".gitignore"), "*\n");
    await rm(home, { recursive: true, force: true });
    try {
      await rename(draft, home);
    } catch (error) {
      // Somebody else fetched at the same time and was first.
      if ((await stampOnDisk()) !== stamp) throw error;
    }
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
  return installation;
}

async function copyJars(into: string): Promise<void> {
  const output = await new Promise<string>((resolve, reject) => {
    const maven = spawn(
      "mvn",
      ["-q", "-B", "-f", pom, "dependency:copy-dependencies", "-DincludeScope=runtime", `-DoutputDirectory=${into}`],
      { stdio: ["ignore", "pipe", "pipe"], timeout: 15 * 60_000 },
    );
    let said = "";
    const keep = (chunk: Buffer): void => {
      said = (said + chunk.toString("utf8")).slice(-4_000);
    };
    maven.stdout.on("data", keep);
    maven.stderr.on("data", keep);
    maven.on("error", reject);
    maven.on("close", (code) => {
      if (code === 0) resolve(said);
      else reject(new Error(`Maven could not fetch Flume (exit ${code ?? "by signal"}):\n${said}`));
    });
  });
  const jars = await readdir(into);
  if (!jars.some((jar) => jar.startsWith("flume-ng-node-"))) {
    throw new Error(`Maven ended well but brought no flume-ng-node jar:\n${output}`);
  }
}

async function stampOfRecipe(): Promise<string> {
  const hash = createHash("sha256");
  for (const file of [pom, monitorSource]) hash.update(await readFile(file)).update("\0");
  return hash.digest("hex");
}

async function stampOnDisk(): Promise<string | undefined> {
  try {
    return await readFile(path.join(home, "stamp"), "utf8");
  } catch {
    return undefined;
  }
}

async function javaMajorVersion(): Promise<number | undefined> {
  try {
    // java prints its version to stderr: `openjdk version "17.0.15" …`, and `"1.8.0_…"` before version 9.
    const { stderr } = await run("java", ["-version"]);
    const match = /version "(?:1\.)?(\d+)/.exec(stderr);
    return match?.[1] === undefined ? undefined : Number(match[1]);
  } catch {
    return undefined;
  }
}

async function answers(command: string, question: string): Promise<boolean> {
  try {
    await run(command, [question]);
    return true;
  } catch {
    return false;
  }
}
