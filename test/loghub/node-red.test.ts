import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "../support/eventually.js";
import { root } from "../support/machine.js";
import { type FlowNode, NodeRed } from "../support/node-red.js";
import { type LogService, startLogService } from "./emulator/log-service.js";

/** The example as it is, with the emulator behind it; the given settings in its source. */
function example(service: LogService, settings: Readonly<Record<string, unknown>> = {}): FlowNode[] {
  const folder = join(root, "examples");
  const name = readdirSync(folder).find((file) => file.includes("loghub to logger")) ?? "";
  const credentials = { accessKeyId: service.key.id, accessKey: service.key.secret };
  const { endpoint, project } = service;
  return (JSON.parse(readFileSync(join(folder, name), "utf8")) as FlowNode[]).map((node) => ({
    ...node,
    ...(node.type === "flume-loghub-project" ? { endpoint, project, credentials } : {}),
    ...(node.type === "flume-loghub-source" ? settings : {}),
  }));
}

describe("LogHub source in Node-RED", function () {
  this.timeout(90_000);
  let service: LogService;
  let nodeRed: NodeRed;
  let written = 0;

  before(async () => {
    service = await startLogService({ shards: 3 });
    nodeRed = await NodeRed.start({ flows: [{ id: "empty", type: "tab", label: "empty" }] });
  });
  after(async () => {
    await nodeRed.stop();
    await service.close();
  });

  function write(count: number): void {
    const time = Math.floor(Date.now() / 1_000);
    for (let i = 0; i < count; i++) {
      const contents = [["n", String(written++)]] as const;
      service.store().appendLogs({ topic: "t", logs: [{ time, contents }] });
    }
  }

  const metrics = async (): Promise<Record<string, string>> => {
    const all = await nodeRed.adminGet<Record<string, Record<string, string>>>("/headrace/metrics");
    return Object.entries(all).find(([name]) => name.startsWith("SOURCE."))?.[1] ?? {};
  };
  const accepted = async (): Promise<number> => Number((await metrics())["EventAcceptedCount"] ?? 0);
  const members = () => service.store().group("headrace-example").members(Date.now());
  const joins = () => service.history.beats.entries.filter(({ reported }) => reported.length === 0).length;

  // Nobody waits for the timeout of a group of 600 s.
  const patient = { groupTimeout: 600, checkpointInterval: 200, backoffSleepIncrement: 50, maxBackoffSleep: 100 };

  it("runs the example, and counts what it holds", async () => {
    write(30);
    await nodeRed.deploy(example(service, patient));
    await nodeRed.waitForLog(/timestamp=\d{13}/, { within: 30_000 });
    await eventually(async () => (await accepted()) === 30, { within: 20_000, what: "30 events" });
    const { LogHubShardCount, LogHubLagSeconds, LogHubPullFail } = await metrics();
    assert.deepEqual([LogHubShardCount, LogHubLagSeconds, LogHubPullFail], ["3", "0", undefined]);
    const source = example(service).find(({ type }) => type === "flume-loghub-source")?.id ?? "";
    await nodeRed.comms.waitForStatus(
      source,
      ({ fill, text }) => fill === "green" && /^3 shards · 0s · \d+\/s/.test(text ?? ""),
    );
  });

  it("goes on through a deploy that leaves it alone", async () => {
    const before = joins();
    const flows = example(service, patient).map((node) =>
      node.type === "flume-logger-sink" ? { ...node, maxBytesToLog: 32 } : node,
    );
    await nodeRed.deploy(flows);
    write(30);
    await eventually(async () => (await accepted()) === 60, { within: 20_000, what: "30 events more" });
    assert.equal(joins(), before, "it has not joined the group again");
  });

  it("has its shards again at once when a deploy changes it, and repeats nothing", async () => {
    const before = joins();
    await nodeRed.deploy(example(service, { ...patient, batchSize: 500 }));
    write(30);
    await eventually(async () => (await accepted()) >= 90, { within: 20_000, what: "the rest" });
    assert.equal(await accepted(), 90);
    assert.ok(joins() > before, "it has joined again");
    assert.equal(members().length, 1, "under its old name");
  });

  it("stops within Node-RED's time, with its checkpoints written", async () => {
    const { milliseconds } = await nodeRed.stop();
    assert.ok(milliseconds < 15_000);
    for (const { shard, checkpoint } of service.store().group("headrace-example").checkpoints()) {
      const stored = service.store().shard(shard);
      assert.equal(stored.placeOf(checkpoint), stored.end);
    }
  });
});
