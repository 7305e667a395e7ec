import { spawn } from "node:child_process";
import { join } from "node:path";
import { onLeftover } from "../../test/support/cleanup";
import { Lines } from "../../test/support/lines";
import { node24 } from "../../test/support/machine";

export interface Script {
  /** The next line that the script printed and nobody has read yet, as JSON. */
  next(within?: number): Promise<unknown>;
  /** Rejects when the script failed. */
  readonly ended: Promise<void>;
  /** Ends it if it has not ended by itself. */
  stop(): Promise<void>;
}

/** Runs one of the scripts in load/ in a process of its own. */
export function startScript(name: string, ...args: readonly (string | number)[]): Script {
  return startScriptOn(node24, name, ...args);
}

/** The same on another Node.js. */
export function startScriptOn(node: string, name: string, ...args: readonly (string | number)[]): Script {
  const file = join(__dirname, "..", "load", `${name}.js`);
  const child = spawn(node, [file, ...args.map(String)], { stdio: ["ignore", "pipe", "inherit"] });
  const lines = new Lines();
  child.stdout.setEncoding("utf8").on("data", (piece: string) => lines.push(piece));
  const closed = new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => {
      lines.end(new Error(`${name} ended (code ${code})`));
      resolve(code);
    });
  });
  const forget = onLeftover(`${name}, process ${child.pid}`, async () => {
    child.kill("SIGKILL");
    await closed;
  });
  let stopped = false;
  const ended = closed.then((code) => {
    forget();
    if (code !== 0 && !stopped) throw new Error(`${name} failed (code ${code})`);
  });
  // Whoever waits for it hears of it; a bench that has failed elsewhere does not wait any more.
  ended.catch(() => undefined);
  let position = 0;
  return {
    next: async (within = 120_000) => {
      const line = await lines.find(() => true, position++, within, `line from ${name}`);
      const value: unknown = JSON.parse(line);
      return value;
    },
    ended,
    async stop() {
      stopped = true;
      child.kill("SIGKILL");
      await closed;
    },
  };
}
