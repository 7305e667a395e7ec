// npm start: installs and builds what is needed, then runs Node-RED with the palette of this clone.
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { build } from "./build.mjs";
import { onNpmGone } from "./parent.mjs";
import { root } from "./paths.mjs";
import { setup } from "./setup.mjs";
import { isFree, nextFree } from "./start/ports.mjs";
import { ownUserDir, prepareUserDir } from "./start/user-dir.mjs";

const PREFERRED_PORT = Number(process.env.PORT ?? 1880);
const NETCAT_PORT = 44444;
/** A second Ctrl-C ends the wait for a clean stop. A terminal and npm both pass the first one on: it comes twice. */
const IMPATIENT_AFTER_MS = 1_000;

const { node } = await setup();
if (!(await build())) console.error("There are type errors, listed above: starting all the same.");

const userDir = process.env.HEADRACE_USER_DIR ?? ownUserDir;
const { credentialSecret } = prepareUserDir(userDir);
const port = await nextFree(PREFERRED_PORT);
if (port !== PREFERRED_PORT) console.log(`Port ${PREFERRED_PORT} is taken: using ${port}.`);
const netcatIsFree = await isFree(NETCAT_PORT);

const child = spawn(
  node,
  [
    join(root, "node_modules", "node-red", "red.js"),
    "-u",
    userDir,
    "-s",
    join(root, "scripts", "start", "settings.cjs"),
  ],
  {
    cwd: root,
    // A process group of its own: Ctrl-C reaches it once, from here, and it drains in peace.
    detached: true,
    stdio: ["ignore", "pipe", "inherit", "ipc"],
    env: {
      ...process.env,
      HEADRACE_ROOT: root,
      HEADRACE_PORT: String(port),
      HEADRACE_CREDENTIAL_SECRET: credentialSecret,
    },
  },
);

let announced = false;
createInterface({ input: /** @type {import('node:stream').Readable} */ (child.stdout) }).on("line", (line) => {
  console.log(line);
  if (announced || !line.includes("Started flows")) return;
  announced = true;
  announce();
});

/** When the first request to stop came. */
let stopping = 0;
for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM", "SIGHUP"])) {
  process.on(signal, stop);
}
onNpmGone(stop);

child.on("error", (error) => {
  console.error(error.message);
  process.exitCode = 1;
});
child.on("exit", (code, signal) => {
  // Ended by a signal before it could handle one is a clean stop too, when we were asked to stop.
  const stoppedAsAsked = stopping > 0 && signal === "SIGTERM";
  process.exitCode = stoppedAsAsked ? 0 : (code ?? 128 + (signal ? constants.signals[signal] : 0));
});

function stop() {
  if (stopping === 0) {
    stopping = Date.now();
    console.log("\nStopping: what is under way is finished first.");
    child.kill("SIGTERM");
  } else if (Date.now() - stopping > IMPATIENT_AFTER_MS) {
    child.kill("SIGKILL");
  }
}

function announce() {
  const flows = join(userDir, "flows.json");
  const firstFlowRuns = existsSync(flows) && readFileSync(flows, "utf8").includes("flume-netcat-source");
  const lines = [`Headrace is running. Open http://127.0.0.1:${port} to see the flow.`];
  if (firstFlowRuns) {
    lines.push(`Then, in another terminal:  nc localhost ${NETCAT_PORT}`);
    lines.push("Type a line: the answer is OK, and the event is in the debug sidebar and in this log.");
    if (!netcatIsFree) {
      lines.push(`Port ${NETCAT_PORT} is taken by another program: change the port of the netcat source and deploy.`);
    }
  }
  lines.push("Ctrl-C stops it.");
  console.log(`\n${lines.map((line) => `  ${line}`).join("\n")}\n`);
}
