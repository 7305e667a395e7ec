import { strict as assert } from "node:assert";
import { execFile } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { logger, memory, netcat, tab } from "../support/flow-nodes.js";
import { root } from "../support/machine.js";
import { NodeRed } from "../support/node-red.js";
import { listenerPort } from "../support/ports.js";
import { clientOf } from "../support/test-palette.js";
import { useTempDir } from "../support/temp-dir.js";

/** Milliseconds that npm may take for one command: one small dependency comes from the registry or its cache. */
const NPM_WITHIN = 120_000;

const run = promisify(execFile);

/** npm as a person calls it: what the npm around these tests has in the environment is not for it. */
function npm(cwd: string, ...args: string[]) {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("npm_")));
  return run("npm", args, { cwd, env, timeout: NPM_WITHIN, shell: process.platform === "win32" });
}

interface NodeSet {
  readonly module: string;
  readonly types: string[];
  readonly enabled: boolean;
  readonly err?: string;
}

describe("the package as npm installs it", function () {
  this.timeout(2 * NPM_WITHIN + 60_000);
  const temp = useTempDir();

  it("loads in a fresh Node-RED, runs the first flow, and brings its command", async () => {
    const userDir = temp().file("node-red");
    await mkdir(userDir);
    await writeFile(join(userDir, "package.json"), JSON.stringify({ name: "node-red-project", private: true }));
    const { stdout } = await npm(root, "pack", "--json", "--pack-destination", temp().path);
    const [packed] = JSON.parse(stdout) as { filename: string; files: { path: string }[] }[];
    assert.ok(packed);
    const strangers = packed.files.filter(({ path }) => /(^|\/)(test|bench|scripts|node_modules)\//.test(path));
    assert.deepEqual(strangers, []);
    await npm(userDir, "install", "--prefer-offline", "--no-audit", "--no-fund", temp().file(packed.filename));

    const installed = join(userDir, "node_modules", "@headrace", "node-red-flume");
    const manifest = JSON.parse(await readFile(join(installed, "package.json"), "utf8")) as {
      "node-red": { nodes: Record<string, string> };
    };
    const port = await listenerPort();
    const flows = [tab(), netcat("lines", port, ["channel"]), memory("channel", ["sink"]), logger("sink")];
    const nodeRed = await NodeRed.start({ userDir, flows, palette: false });
    const sets = await nodeRed.adminGet<NodeSet[]>("/nodes", { Accept: "application/json" });
    const ours = sets.filter(({ module }) => module === "@headrace/node-red-flume");
    for (const { types, enabled, err } of ours) assert.ok(enabled && !err, `${types.join(", ")}: ${err}`);
    assert.deepEqual(ours.flatMap(({ types }) => types).sort(), Object.keys(manifest["node-red"].nodes).sort());
    const client = await clientOf(port);
    assert.equal(await client.ask("installed"), "OK");
    await nodeRed.waitForLog(/Event: .*installed/);
    await client.end();
    await nodeRed.stop();

    const command = await run(join(userDir, "node_modules", ".bin", "headrace"), ["channel", "--help"]);
    assert.match(command.stdout, /^headrace channel COMMAND DIRECTORY/);
  });
});
