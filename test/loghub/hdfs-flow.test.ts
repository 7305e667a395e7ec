import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { userInfo } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { WebHdfsClient } from "../../lib/protocols/webhdfs/webhdfs-client.js";
import { fetchHdfs } from "../counterparts/hdfs/fetch.js";
import { type HdfsCluster, hdfsUnavailable, startHdfs } from "../counterparts/hdfs/cluster.js";
import { filesBelow, hdfsClient } from "../hdfs/support/sinks.js";
import { eventually } from "../support/eventually.js";
import { root } from "../support/machine.js";
import { type FlowNode, NodeRed } from "../support/node-red.js";
import { skip } from "../support/skip.js";
import { tempDir, type TempDir } from "../support/temp-dir.js";
import { type LogService, startLogService } from "./emulator/log-service.js";
import { Ledger } from "./support/ledger.js";

const EXAMPLE = "14 - LogHub to HDFS (Log Service, HDFS)";
const FOLDER = "/flume/loghub";

/** The end of an hour that is over: half of the logs are of one hour, half of the next. */
const BOUNDARY = Math.floor(Date.now() / 3_600_000) * 3_600 - 3_600;
const timeOf = (id: number): number => BOUNDARY + (id % 2 === 0 ? -1 - (id % 600) : id % 600);

/** The folder of a log's own hour, in the time zone of this machine. */
function partitionOf(id: number): string {
  const time = new Date(timeOf(id) * 1_000);
  const two = (value: number) => String(value).padStart(2, "0");
  const day = two(time.getFullYear() % 100) + two(time.getMonth() + 1) + two(time.getDate());
  return `${FOLDER}/datetime=${day}/hour=${two(time.getHours())}`;
}

describe("Log Service to a real HDFS, by the example", function () {
  this.timeout(120_000);
  let hdfs: HdfsCluster;
  let client: WebHdfsClient;
  let service: LogService;
  let ledger: Ledger;
  let userDir: TempDir;
  let nodeRed: NodeRed | undefined;

  before(async function () {
    this.timeout(15 * 60_000);
    const reason = await hdfsUnavailable();
    if (reason !== undefined) skip(this, reason);
    await fetchHdfs();
    hdfs = await startHdfs({ appendDelay: 5, leaseSoftLimit: 5_000 });
    client = hdfsClient(hdfs.urls);
  });
  after(async () => {
    client?.close();
    await hdfs?.stop();
  });
  beforeEach(async () => {
    service = await startLogService({ shards: 3 });
    ledger = new Ledger(service);
    userDir = await tempDir();
  });
  afterEach(async function () {
    if (this.currentTest?.state === "failed") console.error(nodeRed?.logs.slice(-15).join("\n"));
    await nodeRed?.kill();
    nodeRed = undefined;
    await service.close();
    await userDir.remove();
    // Out of the way of the next.
    await client.rename(FOLDER, `/done-${Date.now()}`);
  });

  /** The example with other addresses and keys, and nothing else changed but `channel` when it is given. */
  async function flow(channel: Readonly<Record<string, unknown>> = {}): Promise<FlowNode[]> {
    const nodes = JSON.parse(await readFile(join(root, "examples", `${EXAMPLE}.json`), "utf8")) as FlowNode[];
    const credentials = { accessKeyId: service.key.id, accessKey: service.key.secret };
    return nodes.map((node) => {
      if (node.type === "flume-loghub-project") return { ...node, endpoint: service.endpoint, credentials };
      if (node.type === "flume-hdfs-cluster") return { ...node, urls: hdfs.urls[0], user: userInfo().username };
      return node.type === "flume-memory-channel" ? { ...node, ...channel } : node;
    });
  }

  const write = (groups: number): void => {
    for (let shard = 0; shard < 3; shard++) ledger.write(shard, groups, 10, timeOf);
  };
  /** The ids in HDFS, each with the folder where it is; also from files that are not finished. */
  async function inHdfs(): Promise<{ id: number; folder: string }[]> {
    const found: { id: number; folder: string }[] = [];
    for (const file of await filesBelow(client, FOLDER)) {
      const folder = file.slice(0, file.lastIndexOf("/"));
      for (const line of (await client.read(file)).toString().split("\n").slice(0, -1)) {
        found.push({ id: Number((JSON.parse(line) as { id: string }).id), folder });
      }
    }
    return found;
  }
  const arrived = (what: string) =>
    eventually(async () => new Set((await inHdfs()).map(({ id }) => id)).size === ledger.written, {
      within: 60_000,
      every: 300,
      what: `${ledger.written} logs in HDFS (${what})`,
    });
  /** All the time there is to write what it holds when it is told to stop, for HDFS may be slow. */
  const settings = { headrace: { drainSeconds: 8 } };
  const start = async (): Promise<NodeRed> => (nodeRed = await NodeRed.start({ userDir: userDir.path, settings }));

  async function assertAllInPlace(): Promise<void> {
    const found = await inHdfs();
    assert.deepEqual(
      found.filter(({ id, folder }) => folder !== partitionOf(id)),
      [],
      "each in the folder of its own hour",
    );
    assert.equal(new Set(found.map(({ id }) => id)).size, ledger.written);
    assert.equal(new Set(found.map(({ folder }) => folder)).size, 2);
  }

  it("is restarted in order in the middle: every log in the folder of its hour, each once, all files finished", async () => {
    write(20);
    await (await start()).deploy(await flow());
    await arrived("before the restart");
    const writing = setInterval(() => write(1), 20);
    await sleep(1_000);
    await nodeRed?.stop();
    await sleep(500);
    clearInterval(writing);
    await start();
    write(5);
    await arrived("after the restart");
    await nodeRed?.stop();
    nodeRed = undefined;
    await assertAllInPlace();
    assert.equal((await inHdfs()).length, ledger.written, "none twice");
    const unfinished = (await filesBelow(client, FOLDER)).filter((file) => file.endsWith(".tmp"));
    assert.deepEqual(unfinished, []);
  });

  it("is killed in the middle, with a file channel in place of the memory channel: every log at least once", async () => {
    const channel = { type: "flume-file-channel", capacity: 100_000, minimumRequiredSpace: 1_048_576 };
    write(20);
    await (await start()).deploy(await flow(channel));
    await arrived("before it is killed");
    const writing = setInterval(() => write(1), 20);
    for (let kill = 0; kill < 2; kill++) {
      await sleep(1_500);
      await nodeRed?.kill();
      await start();
    }
    await sleep(1_000);
    clearInterval(writing);
    await arrived("after it was killed");
    await nodeRed?.stop();
    nodeRed = undefined;
    await assertAllInPlace();
  });
});
