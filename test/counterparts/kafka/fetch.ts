import { execFile, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import { root } from "../../support/machine";

const run = promisify(execFile);

const pom = path.join(root, "test", "counterparts", "kafka", "pom.xml");
const cache = path.join(root, ".cache", "counterparts");
const home = path.join(cache, "kafka");
const jars = path.join(home, "jars");

/** Kafka 4 brokers want this Java or a newer one. */
const OLDEST_JAVA = 17;

/**
 * Why a Kafka broker cannot be started on this machine, in words for a person, or undefined when it can.
 * Tests skip with this text.
 */
export async function kafkaUnavailable(): Promise<string | undefined> {
  const major = await javaMajorVersion();
  if (major === undefined) return `a real Kafka needs Java ${OLDEST_JAVA}: no "java" was found on the PATH`;
  if (major < OLDEST_JAVA) return `a real Kafka 4 needs Java ${OLDEST_JAVA}: "java" is version ${major}`;
  if ((await stampOnDisk()) === (await stampOfRecipe())) return undefined;
  try {
    await run("mvn", ["-v"]);
    return undefined;
  } catch {
    return 'fetching Kafka needs Maven: no "mvn" was found on the PATH';
  }
}

/**
 * Brings the jars of Kafka 4.1 through Maven, once: what was fetched for the same recipe is used again.
 * Rejects with what Maven said when it fails.
 * @returns the folder with the jars
 */
export async function fetchKafka(): Promise<string> {
  const stamp = await stampOfRecipe();
  if ((await stampOnDisk()) === stamp) return jars;
  const reason = await kafkaUnavailable();
  if (reason !== undefined) throw new Error(reason);

  // Made ready beside its place and moved there whole, so that an interrupted fetch is never mistaken for one.
  const draft = path.join(cache, `kafka.${process.pid}.draft`);
  await rm(draft, { recursive: true, force: true });
  try {
    await mkdir(path.join(draft, "jars"), { recursive: true });
    await copyJars(path.join(draft, "jars"));
    await writeFile(path.join(draft, "stamp"), stamp);
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
  return jars;
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
      else reject(new Error(`Maven could not fetch Kafka (exit ${code ?? "by signal"}):\n${said}`));
    });
  });
  const found = await readdir(into);
  if (!found.some((jar) => jar.startsWith("kafka_2.13-"))) {
    throw new Error(`Maven ended well but brought no Kafka jar:\n${output}`);
  }
}

async function stampOfRecipe(): Promise<string> {
  return createHash("sha256")
    .update(await readFile(pom))
    .digest("hex");
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
