import assert from "node:assert/strict";
import { eventually } from "../support/eventually.js";
import { hasZstd } from "./emulator/compression.js";
import { faults } from "./emulator/faults.js";
import { decodeLogGroup } from "./emulator/log-groups.js";
import { type LogService, startLogService } from "./emulator/log-service.js";
import { type AuthVersion, sdkPackages, SdkClient, SdkError, SdkWorker } from "./support/python-sdk.js";

/** The official Python client drives the emulator: what it accepts and answers is what a client of the service expects. */
describe("Log Service emulator under the official Python client", function () {
  this.timeout(120_000);
  let packages = "";
  let service: LogService;

  before(async function () {
    this.timeout(600_000);
    packages = await sdkPackages(this);
  });
  beforeEach(async () => {
    service = await startLogService({ shards: 2 });
  });
  afterEach(() => service.close());

  const now = () => Math.floor(Date.now() / 1_000);
  const fails = (code: string, status: number) => (error: unknown) => {
    assert.ok(error instanceof SdkError, String(error));
    assert.deepEqual([error.code, error.status], [code, status]);
    return true;
  };
  interface Pulled {
    next: string;
    count: number;
    rawCount: number;
    logs: { time: number; topic: string; tags: string[][]; contents: string[][] }[];
  }

  for (const auth of ["v1", "v4"] as const satisfies readonly AuthVersion[]) {
    it(`writes and reads with signatures of version ${auth}, each compression`, async () => {
      const sdk = new SdkClient(packages, service, auth);
      try {
        const time = now();
        const logs = [
          {
            time,
            contents: [
              ["id", "1"],
              ["text", "grüße, 你好 = & %"],
            ],
          },
        ];
        await sdk.call("put_logs", { topic: "t", logs, key: "0".repeat(32) });
        await sdk.call("put_logs", { topic: "t", logs, key: "f".repeat(32), compress: false });
        await sdk.call("put_logs", { topic: "", logs });
        assert.deepEqual(
          service.store().shards.map((shard) => shard.end),
          [2, 1],
        );
        assert.deepEqual(decodeLogGroup(service.store().shard(1).at(0)?.bytes ?? Buffer.alloc(0)).tags, [
          ["__hostname__", "py"],
        ]);

        const cursor = await sdk.call<string>("cursor", { shard: 0, at: "begin" });
        for (const encoding of ["lz4", "deflate", ...(hasZstd ? ["zstd"] : []), undefined]) {
          const pulled = await sdk.call<Pulled>("pull", {
            shard: 0,
            cursor,
            encoding,
            compress: encoding !== undefined,
          });
          assert.equal(pulled.count, 2, encoding);
          assert.deepEqual(pulled.logs[0], {
            time,
            topic: "t",
            tags: [["__hostname__", "py"]],
            contents: logs[0]?.contents,
          });
          assert.equal(pulled.next, await sdk.call("cursor", { shard: 0, at: "end" }));
          const rest = await sdk.call<Pulled>("pull", { shard: 0, cursor: pulled.next, encoding });
          assert.deepEqual([rest.count, rest.next], [0, pulled.next]);
        }
        const one = await sdk.call<Pulled>("pull", { shard: 0, cursor, count: 1 });
        assert.equal(one.count, 1);
        assert.ok(Math.abs((await sdk.call<number>("cursor_time", { shard: 0, cursor })) - time) <= 60);
        assert.ok((await sdk.call<number>("previous_cursor_time", { shard: 0, cursor: one.next })) >= time);
        // Before the first group: the client asks for the time of the beginning instead.
        assert.ok((await sdk.call<number>("previous_cursor_time", { shard: 0, cursor })) >= time);

        service.filters.set("* | where a = 'x y'", () => false);
        const filtered = await sdk.call<Pulled>("pull", { shard: 0, cursor, query: "* | where a = 'x y'" });
        assert.deepEqual([filtered.count, filtered.rawCount, filtered.next], [0, 2, one.next && filtered.next]);
        assert.notEqual(filtered.next, cursor);
      } finally {
        await sdk.stop();
      }
    });

    it(`groups, checkpoints, split and merge with signatures of version ${auth}`, async () => {
      const sdk = new SdkClient(packages, service, auth);
      try {
        await sdk.call("create_group", { group: "g", timeout: 30, in_order: true });
        await assert.rejects(
          sdk.call("create_group", { group: "g", timeout: 30, in_order: true }),
          fails("ConsumerGroupAlreadyExist", 400),
        );
        await sdk.call("update_group", { group: "g", timeout: 40, in_order: false });
        assert.deepEqual(await sdk.call("groups"), [["g", 40, false]]);
        assert.deepEqual(await sdk.call("beat", { group: "g", consumer: "a", shards: [] }), [0, 1]);
        await assert.rejects(
          sdk.call("beat", { group: "g", consumer: "b", shards: [1] }),
          fails("NotExistConsumerWithBody", 400),
        );
        assert.deepEqual(await sdk.call("beat", { group: "g", consumer: "b", shards: [] }), []);
        const cursor = await sdk.call<string>("cursor", { shard: 0, at: "end" });
        await sdk.call("save", { group: "g", shard: 0, cursor, consumer: "a", force: false });
        await assert.rejects(
          sdk.call("save", { group: "g", shard: 0, cursor, consumer: "b", force: false }),
          fails("ConsumerNotMatch", 400),
        );
        const saved = await sdk.call<{ shard: number; checkpoint: string; updateTime: number }[]>("checkpoints", {
          group: "g",
        });
        assert.deepEqual(
          saved.map(({ shard, checkpoint }) => [shard, checkpoint]),
          [
            [0, cursor],
            [1, ""],
          ],
        );
        assert.ok((saved[0]?.updateTime ?? 0) > 1e15, "microseconds");

        assert.deepEqual(await sdk.call("split", { shard: 0, key: `4${"0".repeat(31)}` }), [
          [0, "readonly"],
          [2, "readwrite"],
          [3, "readwrite"],
        ]);
        assert.deepEqual(await sdk.call("merge", { shard: 2 }), [
          [4, "readwrite"],
          [2, "readonly"],
          [3, "readonly"],
        ]);
        assert.equal((await sdk.call<unknown[]>("shards")).length, 5);
        await sdk.call("delete_group", { group: "g" });
        await assert.rejects(
          sdk.call("beat", { group: "g", consumer: "a", shards: [] }),
          fails("ConsumerGroupNotExist", 404),
        );
      } finally {
        await sdk.stop();
      }
    });

    it(`refuses with signatures of version ${auth}: wrong secret, unknown key, token, rights, shard, cursor`, async () => {
      const wrong = new SdkClient(packages, service, auth, { ...service.key, secret: "wrong" });
      const unknown = new SdkClient(packages, service, auth, { ...service.key, id: "nobody" });
      const temporary = new SdkClient(packages, service, auth, service.issueToken(Date.now() + 600_000));
      const expired = new SdkClient(packages, service, auth, service.issueToken(Date.now() - 1));
      const right = new SdkClient(packages, service, auth);
      try {
        await assert.rejects(wrong.call("shards"), fails("SignatureNotMatch", 401));
        await assert.rejects(unknown.call("shards"), fails("InvalidAccessKeyId", 401));
        await assert.rejects(expired.call("shards"), fails("SecurityTokenExpired", 401));
        assert.equal((await temporary.call<unknown[]>("shards")).length, 2);
        await assert.rejects(right.call("cursor", { shard: 9, at: "end" }), fails("ShardNotExist", 400));
        await assert.rejects(right.call("pull", { shard: 0, cursor: "nonsense" }), fails("InvalidCursor", 400));
        await assert.rejects(
          right.call("put_logs", { topic: "", logs: [{ time: 1, contents: [["a", "b"]] }] }),
          fails("InvalidTimestamp", 400),
        );
        service.key.denied.add("ListShards");
        await assert.rejects(right.call("shards"), fails("Unauthorized", 401));
        service.dateOffset = 20 * 60_000;
        await assert.rejects(right.call("groups"), fails("RequestTimeTooSkewed", 400));
      } finally {
        await Promise.all([wrong, unknown, temporary, expired, right].map((sdk) => sdk.stop()));
      }
    });
  }

  it("reads the tags that a logstore adds, where it is set so", async () => {
    await service.close();
    service = await startLogService({ shards: 1, appendMeta: true });
    const sdk = new SdkClient(packages, service, "v4");
    try {
      const time = now();
      await sdk.call("put_logs", { topic: "", logs: [{ time, contents: [["id", "1"]] }] });
      const cursor = await sdk.call("cursor", { shard: 0, at: "begin" });
      const [log] = (await sdk.call<Pulled>("pull", { shard: 0, cursor })).logs;
      const tags = new Map(log?.tags.map(([key = "", value = ""]) => [key, value]));
      assert.equal(tags.get("__client_ip__"), "127.0.0.1");
      assert.ok(Number(tags.get("__receive_time__")) >= time);
    } finally {
      await sdk.stop();
    }
  });

  it("is let in with any key where signatures are not verified", async () => {
    await service.close();
    service = await startLogService({ shards: 3, verify: false });
    const sdk = new SdkClient(packages, service, "v1", { ...service.key, id: "anybody", secret: "anything" });
    try {
      assert.equal((await sdk.call<unknown[]>("shards")).length, 3);
    } finally {
      await sdk.stop();
    }
  });

  it("sees a reply that was cut, and one that is not from the service", async () => {
    const sdk = new SdkClient(packages, service, "v1");
    try {
      const cursor = await sdk.call("cursor", { shard: 0, at: "begin" });
      service.store().appendLogs({ logs: [{ time: now(), contents: [["id", "1"]] }] }, 0);
      service.inject({ on: "PullLogs", times: 1 }, faults.halfBody());
      await assert.rejects(sdk.call("pull", { shard: 0, cursor }), SdkError);
      const gateway = service.inject({ on: "PullLogs", times: 1 }, faults.gateway(502));
      assert.equal((await sdk.call<Pulled>("pull", { shard: 0, cursor })).count, 1, "it tries again by itself");
      assert.equal(gateway.hits, 1);
    } finally {
      await sdk.stop();
    }
  });

  it("two of its consumer workers share four shards: every log read, one holder at a time", async () => {
    await service.close();
    service = await startLogService({ shards: 4 });
    let written = 0;
    const write = (groups: number) => {
      for (let group = 0; group < groups; group++) {
        const logs = Array.from({ length: 5 }, () => ({ time: now(), contents: [["id", String(written++)]] as const }));
        service.store().appendLogs({ logs });
      }
    };
    const options = { group: "workers", auth: "v4", heartbeat: 3, inOrder: false } as const;
    const a = new SdkWorker(packages, service, { ...options, consumer: "a" });
    const workers = [a];
    const seen = () => new Set(workers.flatMap(({ ids }) => ids));
    const allSeen = () => eventually(() => seen().size === written, { within: 60_000, what: "all logs read" });
    try {
      write(40);
      await allSeen();
      const b = new SdkWorker(packages, service, { ...options, consumer: "b" });
      workers.push(b);
      write(40);
      const held = (consumer: string) =>
        service.history.epochs.entries.filter((epoch) => epoch.consumer === consumer && epoch.until === undefined)
          .length;
      await eventually(() => held("a") === 2 && held("b") === 2, { within: 60_000, what: "two shards each" });
      write(40);
      await allSeen();
      await a.stop();
      write(40);
      await eventually(() => held("b") === 4, { within: 60_000, what: "all shards with the one that is left" });
      await allSeen();
    } finally {
      await Promise.all(workers.map((worker) => worker.stop()));
    }

    const byNumber = (x: string, y: string) => Number(x) - Number(y);
    assert.deepEqual(
      [...seen()].sort(byNumber),
      Array.from({ length: written }, (_, id) => String(id)),
    );
    // Where the service had to evict a living worker, this client reads on for a while: it is no fault of the emulator.
    const first = workers[0]?.events ?? [];
    for (let shard = 0; shard < 4; shard++) {
      const [epoch, next] = service.history.epochsOf(shard);
      if (epoch?.why !== "handed over" || next?.consumer !== "b") continue;
      const ended = first.find((event) => "ended" in event && event.ended === shard);
      const begun = workers[1]?.events.find((event) => "begun" in event && event.begun === shard);
      assert.ok(ended && begun && ended.at <= begun.at, `shard ${shard}: ended ${ended?.at}, begun ${begun?.at}`);
    }
    assert.ok(service.history.epochs.entries.some(({ why }) => why === "handed over"));
  });
});
