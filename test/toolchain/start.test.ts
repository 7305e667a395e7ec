import { strict as assert } from "node:assert";
import { spawn } from "node:child_process";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { Lines } from "../support/lines.js";
import { node24, root } from "../support/machine.js";
import { onLeftover } from "../support/cleanup.js";
import { useTempDir } from "../support/temp-dir.js";

describe("npm start", function () {
  // It builds first, and waits for whoever else does.
  this.timeout(300_000);
  const temp = useTempDir();

  it("takes the next free port, says where to look, and ends cleanly", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    const taken = (server.address() as AddressInfo).port;

    const child = spawn(node24, [join(root, "scripts", "start.mjs")], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, PORT: String(taken), HEADRACE_USER_DIR: temp().path, npm_lifecycle_event: undefined },
    });
    const lines = new Lines();
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding("utf8").on("data", (text) => lines.push(text));
    const closed = new Promise<number | null>((resolve) => {
      child.once("close", (code) => {
        lines.end(new Error("npm start ended"));
        resolve(code);
      });
    });
    const forget = onLeftover(`npm start, process ${child.pid}`, async () => {
      child.kill("SIGKILL");
      await closed;
    });

    await lines.find((line) => line.includes(`Port ${taken} is taken`), 0, 120_000, "word of the taken port");
    const invitation = await lines.find((line) => line.includes("Headrace is running"), 0, 120_000, "invitation");
    const url = /http:\/\/127\.0\.0\.1:\d+/.exec(invitation)?.[0] ?? "";
    assert.notEqual(url, `http://127.0.0.1:${taken}`);
    assert.equal((await fetch(`${url}/flows`)).status, 200);

    child.kill("SIGINT");
    assert.equal(await closed, 0);
    forget();
    await assert.rejects(fetch(`${url}/flows`));
    server.close();
  });
});
