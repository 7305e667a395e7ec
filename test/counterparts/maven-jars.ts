import { execFile, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import { root } from "../support/machine";

const run = promisify(execFile);
const cache = path.join(root, ".cache", "counterparts");

/** How a counterpart is made of Maven artifacts. */
export interface MavenRecipe {
  /** The folder under test/counterparts that holds pom.xml; also the folder in the cache. */
  readonly folder: string;
  /** As people call it: "Flume". */
  readonly name: string;
  /** The oldest Java that runs it. */
  readonly java: number;
  /** Files beside the pom that the result depends on, relative to the folder. */
  readonly sources?: readonly string[];
  /** Java sources among them, compiled against the jars into `classes`. */
  readonly compile?: readonly string[];
  /** A jar whose name starts so must have come. */
  readonly mainJar: string;
  /** Jars that must not stay. */
  readonly unwanted?: RegExp;
}

export interface MavenCounterpart {
  readonly jars: string;
  /** Of what the recipe compiles. */
  readonly classes: string;
}

/** Brings the jars of one counterpart through Maven, once for each state of its recipe. */
export class MavenJars {
  readonly #recipe: MavenRecipe;
  readonly #source: string;
  readonly #home: string;

  constructor(recipe: MavenRecipe) {
    this.#recipe = recipe;
    this.#source = path.join(root, "test", "counterparts", recipe.folder);
    this.#home = path.join(cache, recipe.folder);
  }

  /**
   * Why it cannot be started on this machine, in words for a person, or undefined when it can.
   * Tests skip with this text.
   */
  async unavailable(): Promise<string | undefined> {
    const { name, java, compile } = this.#recipe;
    const major = await javaMajorVersion();
    if (major === undefined) return `a real ${name} needs Java ${java} or newer: no "java" was found on the PATH`;
    if (major < java) return `a real ${name} needs Java ${java} or newer here: "java" is version ${major}`;
    if ((await this.#stampOnDisk()) === (await this.#stampOfRecipe())) return undefined;
    if (compile && !(await answers("javac", "-version"))) {
      return `fetching ${name} needs a JDK: "java" is there, but no "javac" was found on the PATH`;
    }
    if (!(await answers("mvn", "-v"))) return `fetching ${name} needs Maven: no "mvn" was found on the PATH`;
    return undefined;
  }

  /**
   * What was fetched for the same recipe is used again; the first time takes about a minute.
   * Rejects with what Maven said when it fails.
   */
  async fetch(): Promise<MavenCounterpart> {
    const home = this.#home;
    const found = { jars: path.join(home, "jars"), classes: path.join(home, "classes") };
    const stamp = await this.#stampOfRecipe();
    if ((await this.#stampOnDisk()) === stamp) return found;
    const reason = await this.unavailable();
    if (reason !== undefined) throw new Error(reason);

    // Made ready beside its place and moved there whole, so that an interrupted fetch is never mistaken for one.
    const draft = `${home}.${process.pid}.draft`;
    await rm(draft, { recursive: true, force: true });
    try {
      await mkdir(path.join(draft, "jars"), { recursive: true });
      await this.#copyJars(path.join(draft, "jars"));
      await this.#compile(draft);
      await writeFile(path.join(draft, "stamp"), stamp);
      // For those who run this without the project's own ignore rules.
      await writeFile(path.join(draft, ".gitignore"), "*\n");
      await rm(home, { recursive: true, force: true });
      try {
        await rename(draft, home);
      } catch (error) {
        // Somebody else fetched at the same time and was first.
        if ((await this.#stampOnDisk()) !== stamp) throw error;
      }
    } finally {
      await rm(draft, { recursive: true, force: true });
    }
    return found;
  }

  async #copyJars(into: string): Promise<void> {
    const { name, mainJar, unwanted } = this.#recipe;
    const pom = path.join(this.#source, "pom.xml");
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
        else reject(new Error(`Maven could not fetch ${name} (exit ${code ?? "by signal"}):\n${said}`));
      });
    });
    const jars = await readdir(into);
    if (!jars.some((jar) => jar.startsWith(mainJar))) {
      throw new Error(`Maven ended well but brought no ${mainJar}….jar:\n${output}`);
    }
    for (const jar of jars) if (unwanted?.test(jar)) await rm(path.join(into, jar));
  }

  async #compile(draft: string): Promise<void> {
    const { compile } = this.#recipe;
    if (!compile) return;
    await run("javac", [
      ...["--release", "11", "-proc:none"],
      ...["-cp", path.join(draft, "jars", "*")],
      ...["-d", path.join(draft, "classes")],
      ...compile.map((source) => path.join(this.#source, source)),
    ]);
  }

  async #stampOfRecipe(): Promise<string> {
    const { compile = [], sources = [] } = this.#recipe;
    const hash = createHash("sha256");
    for (const file of ["pom.xml", ...sources, ...compile]) {
      hash.update(await readFile(path.join(this.#source, file))).update("\0");
    }
    return hash.digest("hex");
  }

  async #stampOnDisk(): Promise<string | undefined> {
    try {
      return await readFile(path.join(this.#home, "stamp"), "utf8");
    } catch {
      return undefined;
    }
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
