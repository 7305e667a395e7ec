import { strict as assert } from "node:assert";
import { spawn } from "node:child_process";
import { appendFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { HdfsCluster } from "../counterparts/hdfs/cluster.js";
import { onLeftover } from "../support/cleanup.js";
import { useTempDir } from "../support/temp-dir.js";
import { BATCH, duplicatesIn, WINDOW } from "./support/load.js";
import { filesBelow, finishLeftovers, hdfsClient, linesBelow } from "./support/sinks.js";

/** More of them find more. */
const KILLS = Number(process.env["HEADRACE_HDFS_KILLS"] ?? 6);
/** Batches that a process writes before it is killed: so many appends are behind it, and one is under way. */
const BATCHES = 30;

/** The sink's process ends without a warning, with files open and requests under way. */
export function crashSuite(cluster: () => HdfsCluster): void {
  describe("SIGKILL under load", function () {
    this.timeout(180_000 + KILLS * 30_000);
    const folder = useTempDir();

    it(`${KILLS} times: every event that was acknowledged is there, files left open are finished`, async () => {
      const path = "/crash";
      const acknowledged = folder().file("acknowledged");
      await writeFile(acknowledged, "");
      const known = new Set<number>();
      const client = hdfsClient(cluster().urls);
      let leftOpen = 0;
      for (let kill = 0; kill < KILLS; kill++) {
        for (const first of await writeAndDie([folder().path, path, acknowledged, ...cluster().urls])) known.add(first);
        await appendFile(acknowledged, [...known, ""].join("\n"));
        leftOpen += (await filesBelow(client, path)).filter((file) => file.endsWith(".tmp")).length;
      }
      assert.ok(leftOpen > 0, "no file was open at any kill");
      await finishLeftovers(cluster().urls, folder().path, path);
      const lines = await linesBelow(client, path);
      client.close();
      const end = Math.max(...known, ...lines.map(Number)) + BATCH;
      const duplicates = duplicatesIn(lines, end, (number) => known.has(number - (number % BATCH)));
      assert.ok(known.size >= KILLS * BATCHES, `${known.size} batches`);
      // What HDFS has and nobody was told of is written again.
      assert.ok(duplicates <= KILLS * WINDOW, `${duplicates} events are there twice`);
    });
  });
}

/** @returns the batches that it was told of */
async function writeAndDie(args: readonly string[]): Promise<readonly number[]> {
  const script = join(__dirname, "support", "sink-process.js");
  const child = spawn(process.execPath, [script, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const forget = onLeftover(`HDFS sink, process ${child.pid}`, async () => {
    child.kill("SIGKILL");
    await ended;
  });
  let said = "";
  let batches = 0;
  const enough = new Promise<void>((resolve) => {
    child.stdout.setEncoding("utf8").on("data", (piece: string) => {
      said += piece;
      batches += piece.split("\n").length - 1;
      if (batches >= BATCHES) resolve();
    });
  });
  await Promise.race([enough, ended]);
  // At any moment of the next append.
  await sleep(Math.random() * 60);
  child.kill("SIGKILL");
  await ended;
  forget();
  assert.ok(batches >= BATCHES, `it ended by itself after ${batches} batches`);
  // The last line may be half a one.
  return said.split("\n").slice(0, -1).map(Number);
}
