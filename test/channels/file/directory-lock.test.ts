import { strict as assert } from "node:assert";
import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { lockDirectory } from "../../../nodes/channels/file/directory-lock.js";
import { onLeftover } from "../../support/cleanup.js";
import { node24 } from "../../support/machine.js";
import { useTempDir } from "../../support/temp-dir.js";

const lockModule = join(__dirname, "../../../nodes/channels/file/directory-lock.js");

/** A process that says it runs on another machine: its lock can be seen from here, but it cannot. */
async function ownerElsewhere(directory: string): Promise<{ answer: string; kill(): Promise<void> }> {
  const script = `
    require("node:os").hostname = () => "elsewhere";
    const { lockDirectory } = require(${JSON.stringify(lockModule)});
    lockDirectory(process.argv[1]).then(() => console.log("mine"), (error) => console.log(error.code));
    setInterval(() => {}, 1000);`;
  const child: ChildProcess = spawn(node24, ["-e", script, directory], { stdio: ["ignore", "pipe", "inherit"] });
  const closed = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const kill = async () => {
    child.kill("SIGKILL");
    await closed;
    forget();
  };
  const forget = onLeftover(`owner of a lock, process ${child.pid}`, kill);
  const answer = await new Promise<string>((resolve) =>
    child.stdout?.once("data", (data: Buffer) => resolve(data.toString().trim())),
  );
  return { answer, kill };
}

describe("one owner for a directory, where processes cannot see each other", function () {
  this.timeout(60_000);
  const dir = useTempDir();

  it("a lock that shows signs of life is respected; one whose owner was killed is taken over", async () => {
    const there = await ownerElsewhere(dir().path);
    assert.equal(there.answer, "mine");
    await assert.rejects(lockDirectory(dir().path), { code: "FLUME_FILE_CHANNEL_IN_USE" });
    await there.kill();
    const here = await lockDirectory(dir().path);
    const again = await ownerElsewhere(dir().path);
    assert.equal(again.answer, "FLUME_FILE_CHANNEL_IN_USE");
    await again.kill();
    await here.release();
    const last = await ownerElsewhere(dir().path);
    assert.equal(last.answer, "mine", "what was released is free at once");
    await last.kill();
  });
});
