import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { root } from "../support/machine";

const run = promisify(execFile);

/** Brings packages from PyPI into a folder of their own, once for each state of requirements.txt. */
export class PythonPackages {
  readonly #name: string;
  readonly #requirements: string;
  readonly #home: string;

  /** @param folder under test/counterparts, with requirements.txt; also the folder in the cache */
  constructor(folder: string, name: string) {
    this.#name = name;
    this.#requirements = path.join(root, "test", "counterparts", folder, "requirements.txt");
    this.#home = path.join(root, ".cache", "counterparts", folder);
  }

  /** Why it cannot be had on this machine, in words for a person, or undefined when it can. Tests skip with this text. */
  async unavailable(): Promise<string | undefined> {
    if (!(await answers("--version"))) return `${this.#name} needs Python 3: no "python3" was found on the PATH`;
    if ((await this.#stampOnDisk()) === (await this.#stamp())) return undefined;
    if (!(await answers("-c", "import venv, ensurepip"))) {
      return `fetching ${this.#name} needs Python's venv and pip (Debian: python3-venv)`;
    }
    return undefined;
  }

  /** @returns what PYTHONPATH must name for "python3". Rejects with what pip said when it fails. */
  async fetch(): Promise<string> {
    const packages = path.join(this.#home, "packages");
    const stamp = await this.#stamp();
    if ((await this.#stampOnDisk()) === stamp) return packages;
    const reason = await this.unavailable();
    if (reason !== undefined) throw new Error(reason);

    // Made ready beside its place and moved there whole.
    const draft = `${this.#home}.${process.pid}.draft`;
    // For its pip alone, which a system's Python often lacks. Its links that lead out of the clone would trip other tools.
    const venv = await mkdtemp(path.join(tmpdir(), "headrace-venv-"));
    await rm(draft, { recursive: true, force: true });
    try {
      await mkdir(draft, { recursive: true });
      await run("python3", ["-m", "venv", venv], { timeout: 5 * 60_000 });
      const pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", this.#requirements];
      const into = ["--target", path.join(draft, "packages")];
      const options = { timeout: 10 * 60_000, maxBuffer: 16 * 1024 * 1024 };
      await run(path.join(venv, "bin", "python"), [...pip, ...into], options);
      await writeFile(path.join(draft, "stamp"), stamp);
      await writeFile(path.join(draft, ".gitignore"), "*\n");
      await rm(this.#home, { recursive: true, force: true });
      try {
        await rename(draft, this.#home);
      } catch (error) {
        // Somebody else fetched at the same time and was first.
        if ((await this.#stampOnDisk()) !== stamp) throw error;
      }
    } finally {
      await rm(draft, { recursive: true, force: true });
      await rm(venv, { recursive: true, force: true });
    }
    return packages;
  }

  async #stamp(): Promise<string> {
    const { stdout } = await run("python3", ["-c", "import sys; print(sys.version, sys.prefix)"]);
    return createHash("sha256")
      .update("packages in a folder")
      .update(await readFile(this.#requirements))
      .update(stdout)
      .digest("hex");
  }

  async #stampOnDisk(): Promise<string | undefined> {
    try {
      return await readFile(path.join(this.#home, "stamp"), "utf8");
    } catch {
      return undefined;
    }
  }
}

async function answers(...question: string[]): Promise<boolean> {
  try {
    await run("python3", question);
    return true;
  } catch {
    return false;
  }
}
