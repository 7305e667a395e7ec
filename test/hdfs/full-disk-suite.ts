import { strict as assert } from "node:assert";
import { execFile } from "node:child_process";
import { mkdir, rm, statfs, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { isDeliveryError } from "../../lib/engine/errors.js";
import { type HdfsCluster, startHdfs } from "../counterparts/hdfs/cluster.js";
import { onLeftover } from "../support/cleanup.js";
import { eventually } from "../support/eventually.js";
import { skip } from "../support/skip.js";
import { type TempDir, tempDir } from "../support/temp-dir.js";
import { duplicatesIn, load } from "./support/load.js";
import { filesBelow, finishLeftovers, hdfsClient, hdfsSink, linesBelow } from "./support/sinks.js";

const run = promisify(execFile);
const MEGABYTE = 1024 * 1024;
const DISK = 24 * MEGABYTE;
/**
 * A block is only begun where a whole one has room, and the name node counts each that could not be written as room
 * taken, for ten minutes: with large ones a small disk would stay full in its eyes.
 */
const BLOCK = 64 * 1024;
/** What something else on the disk takes, and gives back later. */
const BALLAST = 14 * MEGABYTE;

/** A data node whose disk is really full: a small file system of its own. */
export function fullDiskSuite(): void {
  describe("a full disk on the data node", function () {
    this.timeout(500_000);
    let folder: TempDir;
    let disk = "";
    let unmount: (() => Promise<void>) | undefined;
    let cluster: HdfsCluster | undefined;

    before(async function () {
      folder = await tempDir();
      disk = folder.file("disk");
      await mkdir(disk);
      try {
        await run("mount", ["-t", "tmpfs", "-o", `size=${DISK}`, "headrace-test", disk]);
      } catch (error) {
        await folder.remove();
        skip(this, `a small disk must be mounted, which needs the rights of root: ${String(error)}`);
      }
      const forget = onLeftover(`disk mounted at ${disk}`, async () => void (await run("umount", ["-l", disk])));
      unmount = async () => {
        await run("umount", ["-l", disk]);
        forget();
      };
      await writeFile(join(disk, "ballast"), Buffer.alloc(BALLAST));
      const properties = { "dfs.blocksize": String(BLOCK), "dfs.datanode.du.reserved": "0" };
      cluster = await startHdfs({ appendDelay: 5, leaseSoftLimit: 2000, dataFolder: join(disk, "data"), properties });
    });
    after(async () => {
      await cluster?.stop();
      await unmount?.();
      await folder.remove();
    });

    it("is named and waited out: what could not be written is, once there is room, and nothing is lost", async () => {
      const { urls = [] } = cluster ?? {};
      const { sink } = hdfsSink(urls, folder.path, { path: "/full", rollCount: 2000 });
      await sink.start();
      const running = load(sink, { width: 5000 });
      // Of a file that is begun the name node says so, of one that is open the data node.
      const codes = ["FLUME_HDFS_NO_ROOM", "FLUME_HDFS_NO_DATA_NODE"];
      const isFull = (error: unknown) => isDeliveryError(error) && codes.includes(error.code);
      await eventually(() => running.failures.some(isFull), {
        within: 180_000,
        what: "error that names the full disk",
      });
      const { bavail, bsize } = await statfs(disk);
      assert.ok(bavail * bsize < 2 * MEGABYTE, `${bavail * bsize} bytes are free`);
      const { accepted, rejected } = running;
      await eventually(() => running.rejected > rejected + 8, { within: 180_000, what: "more tries" });
      await rm(join(disk, "ballast"));
      await eventually(() => running.accepted > accepted + 100, { within: 180_000, what: "batches accepted again" });
      const count = await running.stop();
      await sink.stop();
      await finishLeftovers(urls, folder.path, "/full");
      const client = hdfsClient(urls);
      // A batch is sent again only when it is known that it is not there, or by a new file in place of a broken one.
      assert.equal(duplicatesIn(await linesBelow(client, "/full"), count), 0);
      assert.ok((await filesBelow(client, "/full")).length > 0);
      client.close();
    });
  });
}
