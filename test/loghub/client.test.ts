import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { request } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo } from "node:net";
import { promisify } from "node:util";
import { NEVER } from "../../lib/engine/delivery.js";
import { encodeLog, encodeLogGroup } from "../../lib/formats/log-groups/log-group-writer.js";
import { LOGHUB_COMPRESSIONS } from "../../lib/protocols/loghub/compression-names.js";
import { openLogStore } from "../../lib/protocols/loghub/log-store.js";
import { isLogHubError } from "../../lib/protocols/loghub/loghub-error.js";
import { logStoreSettings } from "../../lib/protocols/loghub/project-settings.js";
import { eventually } from "../support/eventually.js";
import { tempDir } from "../support/temp-dir.js";
import { hasZstd } from "./emulator/compression.js";
import { faults } from "./emulator/faults.js";
import { Clients, failsWith, projectOf } from "./support/clients.js";

describe("LogHub client", function () {
  this.timeout(60_000);
  const { start, open, services, stores, warnings, log } = new Clients();

  for (const signature of ["V1", "V4"]) {
    for (const compression of LOGHUB_COMPRESSIONS.filter((name) => name !== "zstd" || hasZstd)) {
      it(`every call is understood: ${signature}, ${compression}`, async () => {
        const service = await start({ shards: 2 });
        const store = open(service, { signature, compression, region: service.region });
        const shards = await store.shards(NEVER);
        assert.deepEqual(
          shards.map(({ shard, writable }) => [shard, writable]),
          [
            [0, true],
            [1, true],
          ],
        );
        const log = encodeLog(Math.floor(Date.now() / 1000), [[Buffer.from("k"), Buffer.from("v ".repeat(500))]]);
        const group = encodeLogGroup([log], { topic: "t", source: "s" });
        // The second half of all keys.
        await store.put({ bytes: group, logs: 1 }, "f".repeat(32), NEVER);
        await store.put({ bytes: group, logs: 1 }, undefined, NEVER);
        const begin = await store.cursor(1, "begin", NEVER);
        const pulled = await store.pull({ shard: 1, cursor: begin, count: 10 }, NEVER);
        assert.ok(pulled.groupCount >= 1);
        assert.deepEqual(pulled.groups.subarray(-group.length), group);
        assert.notEqual(pulled.next, begin);
        const end = await store.cursor(1, "end", NEVER);
        assert.equal(pulled.next, end);
        assert.deepEqual(
          await store
            .pull({ shard: 1, cursor: end, count: 1 }, NEVER)
            .then(({ groups, next, atEnd }) => [groups.length, next, atEnd]),
          [0, end, true],
        );
        assert.ok(Math.abs((await store.cursorTime(1, begin, NEVER)) - Date.now() / 1000) < 60);
        const info = { name: "g", timeout: 60, inOrder: true };
        const member = { group: "g", consumer: "host-a b/ü*" };
        await store.createConsumerGroup(info, NEVER);
        await assert.rejects(store.createConsumerGroup(info, NEVER), failsWith("FLUME_LOGHUB_GROUP_EXISTS"));
        await store.updateConsumerGroup({ ...info, timeout: 30 }, NEVER);
        assert.deepEqual(await store.consumerGroups(NEVER), [{ ...info, timeout: 30 }]);
        await store.heartbeat(member, [], NEVER);
        const held = await store.heartbeat(member, [], NEVER);
        assert.deepEqual(
          held.toSorted((a, b) => a - b),
          [0, 1],
        );
        assert.equal(await store.checkpoint("g", 1, NEVER), undefined);
        await store.saveCheckpoint(member, 1, end, NEVER);
        assert.equal(await store.checkpoint("g", 1, NEVER), end);
        const other = { group: "g", consumer: "other" };
        await store.heartbeat(other, [], NEVER);
        await assert.rejects(store.saveCheckpoint(other, 1, begin, NEVER), failsWith("FLUME_LOGHUB_SHARD_LOST"));
        assert.equal(await store.checkpoint("g", 1, NEVER), end);
      });
    }
  }

  describe("errors say what the service said", () => {
    it("code, status, request id, operation and the RAM action that is missing", async () => {
      const service = await start();
      const store = open(service);
      await store.createConsumerGroup({ name: "g", timeout: 60, inOrder: false }, NEVER);
      service.key.denied.add("ConsumerGroupHeartBeat");
      await store.shards(NEVER);
      await assert.rejects(store.heartbeat({ group: "g", consumer: "c" }, [], NEVER), (error) => {
        assert.ok(isLogHubError(error));
        assert.equal(error.code, "FLUME_LOGHUB_UNAUTHORIZED");
        assert.deepEqual([error.status, error.errorCode], [401, "Unauthorized"]);
        assert.ok(error.requestId);
        assert.match(error.message, /HeartBeat of c in g/);
        assert.match(error.next, /lacks the RAM action log:ConsumerGroupHeartBeat on/);
        assert.ok(!`${error.message}${error.stack}${JSON.stringify(error)}`.includes(service.key.secret));
        return true;
      });
    });

    const cases: [string, Parameters<typeof faults.error>, string][] = [
      ["quota", [403, "ShardReadQuotaExceed"], "FLUME_LOGHUB_QUOTA"],
      ["project", [404, "ProjectNotExist"], "FLUME_LOGHUB_MISSING"],
      ["cursor", [400, "InvalidCursor"], "FLUME_LOGHUB_CURSOR_INVALID"],
      ["shard", [404, "ShardNotExist"], "FLUME_LOGHUB_SHARD_LOST"],
      ["forbidden", [403, "ProjectForbidden"], "FLUME_LOGHUB_UNAUTHORIZED"],
      ["busy", [503, "ServerBusy"], "FLUME_LOGHUB_REFUSED"],
      ["unknown", [418, "Teapot"], "FLUME_LOGHUB_REFUSED"],
    ];
    for (const [name, [status, errorCode], code] of cases) {
      it(`${name}: ${errorCode}`, async () => {
        const service = await start();
        service.inject({ on: "PullLogs" }, faults.error(status, errorCode, "in words"));
        const store = open(service);
        const cursor = await store.cursor(0, "begin", NEVER);
        await assert.rejects(
          store.pull({ shard: 0, cursor, count: 1 }, NEVER),
          failsWith(code, ({ parameters }) => {
            assert.equal(parameters["status"], status);
            assert.equal(parameters["code"], errorCode);
            assert.equal(parameters["reason"], "in words.");
          }),
        );
      });
    }

    it("a page of a proxy in between is told as it is", async () => {
      const service = await start();
      service.inject({ on: "ListShards" }, faults.gateway(502));
      await assert.rejects(
        open(service).shards(NEVER),
        failsWith("FLUME_LOGHUB_REFUSED", ({ parameters }) => assert.match(String(parameters["reason"]), /502/)),
      );
    });
  });

  it("silence ends with the time limit, and an abort at once with its reason, and connections are let go of", async () => {
    const service = await start();
    service.inject({ on: "ListShards" }, faults.silence());
    const store = open(service, { timeout: 300 });
    await assert.rejects(store.shards(NEVER), failsWith("FLUME_LOGHUB_UNREACHABLE"));
    const controller = new AbortController();
    const reason = new Error("enough");
    const asking = open(service, { timeout: 60_000 }).shards(controller.signal);
    setTimeout(() => controller.abort(reason), 50);
    await assert.rejects(asking, (error) => error === reason);
    await assert.rejects(store.shards(AbortSignal.abort(reason)), (error) => error === reason);
    await eventually(() => service.connections === 0, { what: "no connections" });
  });

  it("TLS to an address: its certificate is checked, and the project named all the same", async () => {
    const service = await start();
    const folder = await tempDir();
    const [cert, key] = [folder.file("server.pem"), folder.file("server.key")];
    await promisify(execFile)("openssl", [
      ...["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test"],
      ...["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert],
    ]);
    const authority = await readFile(cert, "utf8");
    const hosts: string[] = [];
    const front = createSecureServer({ cert: authority, key: await readFile(key, "utf8") }, (question, answer) => {
      hosts.push(question.headers.host ?? "");
      const { method, url, headers } = question;
      const onward = request({ host: "127.0.0.1", port: service.port, method, path: url, headers }, (reply) => {
        answer.writeHead(reply.statusCode ?? 0, reply.headers);
        reply.pipe(answer);
      });
      question.pipe(onward);
    });
    await new Promise<void>((resolve) => front.listen(0, "127.0.0.1", resolve));
    const { port } = front.address() as AddressInfo;
    try {
      for (const signature of ["V1", "V4"]) {
        const project = projectOf(service, {
          endpoint: `https://127.0.0.1:${port}`,
          signature,
          region: service.region,
        });
        const tls = { id: "tls", name: "tls", config: { ca: authority }, shared: {} };
        const trusting = openLogStore(
          logStoreSettings({ ...project, shared: { tls } }, { logstore: service.logstore, log }),
        );
        const strict = openLogStore(logStoreSettings(project, { logstore: service.logstore, log }));
        stores.push(trusting, strict);
        assert.equal((await trusting.shards(NEVER)).length, 2);
        assert.equal(hosts.at(-1), `headrace.127.0.0.1:${port}`);
        await assert.rejects(
          strict.shards(NEVER),
          failsWith("FLUME_LOGHUB_UNREACHABLE", ({ parameters }) =>
            assert.match(String(parameters["reason"]), /self-signed/),
          ),
        );
      }
    } finally {
      front.closeAllConnections();
      front.close();
      await folder.remove();
    }
  });

  it("a closed port is no answer; a connection that was closed while idle costs nothing", async () => {
    const service = await start();
    const store = open(service);
    await store.shards(NEVER);
    const { port } = service;
    await service.close();
    services.pop();
    await assert.rejects(store.shards(NEVER), failsWith("FLUME_LOGHUB_UNREACHABLE"));
    const again = await start({ port });
    again.keys.set(service.key.id, service.key);
    assert.equal((await store.shards(NEVER)).length, 2);
  });

  it("a reply that lies about its size takes no memory for it", async () => {
    const service = await start({ shards: 1 });
    const store = open(service);
    const cursor = await store.cursor(0, "begin", NEVER);
    service.store().appendLogs({ logs: [{ time: 1, contents: [["k", randomBytes(3_000).toString("hex")]] }] }, 0);
    const before = process.memoryUsage().arrayBuffers;
    for (const size of [3_000_000_000, 60_000_000]) {
      service.inject(
        { on: "PullLogs", times: 1 },
        faults.rawSize(() => size),
      );
      await assert.rejects(store.pull({ shard: 0, cursor, count: 1 }, NEVER), failsWith("FLUME_LOGHUB_REPLY_BROKEN"));
    }
    assert.ok(process.memoryUsage().arrayBuffers - before < 50_000_000);
  });

  for (const compression of LOGHUB_COMPRESSIONS.filter((name) => name !== "zstd" || hasZstd)) {
    it(`a reply that holds more or less than it says is none: ${compression}`, async () => {
      const service = await start({ shards: 1 });
      const store = open(service, { compression });
      service.store().appendLogs({ logs: [{ time: 1, contents: [["k", "v".repeat(500)]] }] }, 0);
      const cursor = await store.cursor(0, "begin", NEVER);
      for (const difference of [-1, 1, 100]) {
        service.inject(
          { on: "PullLogs", times: 1 },
          faults.rawSize((size) => size + difference),
        );
        await assert.rejects(
          store.pull({ shard: 0, cursor, count: 1 }, NEVER),
          failsWith("FLUME_LOGHUB_REPLY_BROKEN"),
          String(difference),
        );
      }
    });
  }

  it("a reply that keeps its word, and yet holds more than one may, is none", async () => {
    const service = await start({ shards: 1 });
    service.store().appendLogs({ logs: [{ time: 1, contents: [["k", "v".repeat(100_000)]] }] }, 0);
    const { logstore } = service;
    for (const compression of LOGHUB_COMPRESSIONS.filter((name) => name !== "none" && (name !== "zstd" || hasZstd))) {
      const settings = logStoreSettings(projectOf(service, { compression }), { logstore, log });
      const store = openLogStore({ ...settings, mostReplyBytes: 90_000 });
      stores.push(store);
      const cursor = await store.cursor(0, "begin", NEVER);
      const pulling = store.pull({ shard: 0, cursor, count: 1 }, NEVER);
      await assert.rejects(pulling, failsWith("FLUME_LOGHUB_REPLY_BROKEN"), compression);
    }
  });

  it("a service that filters tells what it has read, not only what it sends", async () => {
    const service = await start({ shards: 1 });
    const store = open(service);
    for (let i = 0; i < 5; i++) service.store().appendLogs({ logs: [{ time: 1, contents: [["k", String(i)]] }] }, 0);
    service.filters.set("none", () => false);
    const cursor = await store.cursor(0, "begin", NEVER);
    for (const filter of [{ query: "none" }, { processor: "none" }]) {
      const pulled = await store.pull({ shard: 0, cursor, count: 5, filter }, NEVER);
      assert.deepEqual([pulled.groupCount, pulled.groups.length, pulled.rawCount], [0, 0, 5]);
      assert.ok(pulled.rawBytes > 0);
      assert.equal(pulled.next, await store.cursor(0, "end", NEVER));
    }
  });

  it("memory of a reply serves one other reply when it is given back, however often that is told", async () => {
    const service = await start({ shards: 1 });
    const store = open(service);
    service.store().appendLogs({ logs: [{ time: 1, contents: [["k", "v".repeat(600_000)]] }] }, 0);
    const cursor = await store.cursor(0, "begin", NEVER);
    const pull = () => store.pull({ shard: 0, cursor, count: 1 }, NEVER);
    const [one, other] = [await pull(), await pull()];
    one.release();
    one.release();
    other.release();
    const again = [await pull(), await pull(), await pull()].map(({ groups }) => groups.buffer);
    assert.equal(new Set(again).size, 3);
    assert.ok(again.includes(one.groups.buffer) && again.includes(other.groups.buffer));
    // What is broken gives its memory back too.
    service.inject(
      { on: "PullLogs", times: 1 },
      faults.groupCount((count) => count + 1),
    );
    await assert.rejects(pull(), failsWith("FLUME_LOGHUB_REPLY_BROKEN"));
    const next = (await pull()).groups.buffer;
    assert.ok(!again.includes(next));
  });

  it("a clock that is 20 minutes wrong is corrected by the service's Date, once and for all later calls, and told", async () => {
    const service = await start();
    warnings.length = 0;
    for (const signature of ["V1", "V4"]) {
      for (const minutes of [20, -20]) {
        service.dateOffset = minutes * 60_000;
        const store = open(service, { signature, region: service.region });
        await store.shards(NEVER);
        await store.shards(NEVER);
      }
    }
    assert.equal(warnings.length, 4);
    // Those that were under way together are all sent again, and it is told once.
    const store = open(service);
    service.dateOffset = 20 * 60_000;
    await Promise.all(Array.from({ length: 5 }, () => store.shards(NEVER)));
    assert.equal(warnings.length, 5);
    for (const warning of warnings) assert.match(warning, /differ by 1[12]\d\d s.*\[FLUME_LOGHUB_CLOCK_SET\]/);
    // When the time is right as far as the reply tells, another attempt would be refused again.
    service.dateOffset = 0;
    const refused = service.inject({ on: "ListShards" }, faults.error(400, "RequestTimeTooSkewed"));
    await assert.rejects(open(service).shards(NEVER), failsWith("FLUME_LOGHUB_CLOCK"));
    assert.equal(refused.hits, 1);
  });
});
