import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { createServer, type RequestListener, request, type Server } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo } from "node:net";
import { promisify } from "node:util";
import type { SharedSettings } from "../../lib/engine/component.js";
import { NEVER } from "../../lib/engine/delivery.js";
import { isHeadraceError } from "../../lib/engine/errors.js";
import { readConfig } from "../../lib/engine/properties.js";
import { encodeLog, encodeLogGroup } from "../../lib/formats/log-groups/log-group-writer.js";
import { LOGHUB_COMPRESSIONS } from "../../lib/protocols/loghub/compression-names.js";
import { RenewableCredentials } from "../../lib/protocols/loghub/credentials.js";
import {
  credentialsOfAddress,
  credentialsOfEnvironment,
  credentialsOfFile,
} from "../../lib/protocols/loghub/credential-sources.js";
import { endpointOf } from "../../lib/protocols/loghub/endpoint.js";
import { openLogStore } from "../../lib/protocols/loghub/log-store.js";
import { isLogHubError } from "../../lib/protocols/loghub/loghub-error.js";
import type { LogStore } from "../../lib/protocols/loghub/port.js";
import { logStoreSettings } from "../../lib/protocols/loghub/project-settings.js";
import { contentMd5, signatureV1 } from "../../lib/protocols/loghub/signature-v1.js";
import { sha256, signatureV4 } from "../../lib/protocols/loghub/signature-v4.js";
import { component as projectNode } from "../../nodes/config/loghub-project/component.js";
import { eventually } from "../support/eventually.js";
import { tempDir } from "../support/temp-dir.js";
import { hasZstd } from "./emulator/compression.js";
import { faults } from "./emulator/faults.js";
import { type LogService, startLogService } from "./emulator/log-service.js";

/** A loghub-project node, as components get it. */
function projectOf(service: LogService, more: Readonly<Record<string, unknown>> = {}): SharedSettings {
  const { endpoint, project, key } = service;
  return sharedProject({ endpoint, project, accessKeyId: key.id, accessKey: key.secret, timeout: 2_000, ...more });
}

function sharedProject(raw: Readonly<Record<string, unknown>>): SharedSettings {
  const { config, problems } = readConfig(projectNode.properties, raw);
  assert.deepEqual(problems, []);
  return { id: "project", name: "project", config, shared: {} };
}

describe("LogHub client", function () {
  this.timeout(60_000);
  const services: LogService[] = [];
  const warnings: string[] = [];
  const log = { warn: (text: string) => void warnings.push(text) };
  const stores: LogStore[] = [];

  const start = async (settings: Parameters<typeof startLogService>[0] = {}): Promise<LogService> => {
    const service = await startLogService(settings);
    services.push(service);
    return service;
  };
  const open = (service: LogService, more: Readonly<Record<string, unknown>> = {}): LogStore => {
    const store = openLogStore(logStoreSettings(projectOf(service, more), { logstore: service.logstore, log }));
    stores.push(store);
    return store;
  };
  const failsWith =
    (
      code: string,
      check: (error: { parameters: Readonly<Record<string, string | number>> }) => void = () => undefined,
    ) =>
    (error: unknown) => {
      assert.ok(isHeadraceError(error), String(error));
      assert.equal(error.code, code, error.message);
      check(error);
      return true;
    };

  afterEach(async () => {
    for (const store of stores.splice(0)) store.close();
    for (const service of services.splice(0)) await service.close();
  });

  describe("signatures are those of the official clients' tests", () => {
    const date = "Mon, 3 Jan 2010 08:33:47 GMT";
    const headers = { "x-log-apiversion": "0.6.0", "x-log-signaturemethod": "hmac-sha1", date };
    const secret = "mockAccessKeySecret";

    it("V1", () => {
      assert.equal(
        signatureV1(
          { method: "GET", path: "/logstores", query: {}, headers: { ...headers, "x-log-bodyrawsize": "0" } },
          "mockAccessKeyID",
          secret,
        ),
        "LOG mockAccessKeyID:Rwm6cTKzoti4HWoe+GKcb6Kv07E=",
      );
      const body = Buffer.from(
        "0a320a1e08f8b2939e0512160a07546573744b6579120b54657374436f6e74656e741a00220e31302e3233302e3230312e313137",
        "hex",
      );
      const more = {
        "x-log-bodyrawsize": "50",
        "content-md5": contentMd5(body),
        "content-type": "application/x-protobuf",
        // Not signed in V1.
        "x-log-date": "20260101T000000Z",
      };
      assert.equal(
        signatureV1(
          { method: "GET", path: "/logstores/app_log", query: {}, headers: { ...headers, ...more } },
          "mockAccessKeyID",
          secret,
        ),
        "LOG mockAccessKeyID:87xQWqFaOSewqRIma8kPjGYlXHc=",
      );
    });

    it("V4", () => {
      const query = { " abc": "efg", " agc ": "", "": "efg", "A-bc": "eFg" };
      const complex = { ...query, "abs-ij*asd/vc": "a~js+d ada", "a abAas123/vc": "a~jdad a2ADFs+d ada" };
      const usual = { hello: "world", "x-log-test": "het123", "x-acs-ppp": "dds", "x-log-meta-x": "not signed" };
      const body = "adasd= -asd zcas";
      const [H, S] = ["cn-hangzhou", "cn-shanghai"];
      const cases: [string, string, string, Record<string, string>, Record<string, string>, string, string][] = [
        [
          "POST",
          "/logstores",
          body,
          query,
          usual,
          H,
          "a98f5632e93836e63839cd836a54055f480020a9364ca944e2d34f2eb9bf1bed",
        ],
        ["POST", "/logstores", body, {}, {}, S, "8a10a5e723cb2e75964816de660b2c16a58af8bc0261f7f0722d832468c76ce8"],
        ["POST", "/logstores", "", query, usual, H, "5a66d8f8051983e0e9d08e0f960ef9252ef971eead5bb5c7acec8617a2eb2701"],
        ["GET", "/logstores", "", query, usual, H, "d92741852500791d662a8d469ff61627c0559ecd86c3f59b7bf6772b6c62666a"],
        [
          "POST",
          "/logstores/hello/a+*~bb/cc",
          body,
          complex,
          usual,
          H,
          "2c204068e961a8813a6bcf7ac422f7fa6e9bf9a5da493e0165dfe100854d18ff",
        ],
      ];
      for (const [method, path, text, parameters, more, region, signature] of cases) {
        const signed = {
          ...more,
          "x-log-date": "20220808T032330Z",
          "x-log-content-sha256": sha256(Buffer.from(text)),
        };
        assert.equal(
          signatureV4({ method, path, query: parameters, headers: signed }, "acsddda21dsd", "zxasdasdasw2", region),
          `SLS4-HMAC-SHA256 Credential=acsddda21dsd/20220808/${region}/sls/aliyun_v4_request,Signature=${signature}`,
        );
      }
    });
  });

  describe("endpoints", () => {
    it("the project goes before a name, and not before an address; the region is told by the name", () => {
      const end = (text: string) => endpointOf(text, "my-project");
      assert.deepEqual(end("cn-hangzhou.log.aliyuncs.com"), {
        secure: true,
        hostname: "my-project.cn-hangzhou.log.aliyuncs.com",
        port: 443,
        host: "my-project.cn-hangzhou.log.aliyuncs.com",
        region: "cn-hangzhou",
      });
      for (const kind of ["-intranet", "-share", "-vpc", "-internal"]) {
        assert.equal(end(`http://ap-southeast-1${kind}.log.aliyuncs.com`).region, "ap-southeast-1");
      }
      assert.deepEqual(end("http://127.0.0.1:8080/"), {
        secure: false,
        hostname: "127.0.0.1",
        port: 8080,
        host: "my-project.127.0.0.1:8080",
        region: undefined,
      });
      assert.equal(end("localhost").hostname, "localhost");
      for (const wrong of ["", "http://", "https://a/b", "ftp://x", "a b", "https://u:p@host"]) {
        assert.throws(() => end(wrong), failsWith("FLUME_LOGHUB_SETTING"), wrong);
      }
      assert.throws(() => endpointOf("host", "a.b"), failsWith("FLUME_LOGHUB_SETTING"));
    });

    it("settings that cannot be are named with their field", async () => {
      const service = await start();
      const settings =
        (more: Record<string, unknown>, logstore = "logs") =>
        () =>
          logStoreSettings(projectOf(service, more), { logstore, log });
      const field =
        (name: string) =>
        ({ parameters }: { parameters: object }) =>
          assert.equal((parameters as { field?: string }).field, name);
      assert.throws(settings({ signature: "V4" }), failsWith("FLUME_LOGHUB_SETTING", field("region")));
      assert.throws(settings({ accessKey: " " }), failsWith("FLUME_LOGHUB_KEY_MISSING", field("accessKey")));
      assert.throws(settings({ accessKeyId: "" }), failsWith("FLUME_LOGHUB_KEY_MISSING", field("accessKeyId")));
      assert.throws(settings({}, "a/b"), failsWith("FLUME_LOGHUB_SETTING", field("logstore")));
      assert.throws(
        settings({ credentialSource: "address", credentialsUrl: "file:///etc/passwd" }),
        failsWith("FLUME_LOGHUB_SETTING", field("credentialsUrl")),
      );
      if (!hasZstd) assert.throws(settings({ compression: "zstd" }), failsWith("FLUME_LOGHUB_CODEC_MISSING"));
    });
  });

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
    for (const warning of warnings) assert.match(warning, /differ by 1[12]\d\d s.*\[FLUME_LOGHUB_CLOCK_SET\]/);
    // When the time is right as far as the reply tells, another attempt would be refused again.
    service.dateOffset = 0;
    const refused = service.inject({ on: "ListShards" }, faults.error(400, "RequestTimeTooSkewed"));
    await assert.rejects(open(service).shards(NEVER), failsWith("FLUME_LOGHUB_CLOCK"));
    assert.equal(refused.hits, 1);
  });

  describe("credentials", () => {
    let folder: Awaited<ReturnType<typeof tempDir>>;
    before(async () => (folder = await tempDir()));
    after(() => folder.remove());

    const asJson = ({ id, secret, token }: { id: string; secret: string; token: string }, expiresAt?: number) =>
      JSON.stringify({
        Code: "Success",
        AccessKeyId: id,
        AccessKeySecret: secret,
        SecurityToken: token,
        ...(expiresAt === undefined ? {} : { Expiration: new Date(expiresAt).toISOString() }),
      });

    it("a token that has expired is read again from its file, without a deploy", async () => {
      const service = await start();
      const file = folder.file("credentials.json");
      await writeFile(file, asJson(service.issueToken(Date.now() + 600_000)));
      const store = open(service, { credentialSource: "file", credentialsFile: file });
      await store.shards(NEVER);
      // Nobody told that it would expire.
      for (const key of service.keys.values()) Object.assign(key, { tokenExpiresAt: Date.now() - 1 });
      await assert.rejects(store.shards(NEVER), failsWith("FLUME_LOGHUB_KEY"));
      await writeFile(file, asJson(service.issueToken(Date.now() + 600_000)));
      await eventually(
        () =>
          store.shards(NEVER).then(
            () => true,
            () => false,
          ),
        { within: 20_000, what: "the new token" },
      );
    });

    it("a secret that is put right in its file is read without a deploy, too", async () => {
      const service = await start();
      const file = folder.file("keys.json");
      const { id, secret } = service.key;
      const write = (AccessKeySecret: string) => writeFile(file, JSON.stringify({ AccessKeyId: id, AccessKeySecret }));
      await write("mistyped");
      const store = open(service, { credentialSource: "file", credentialsFile: file });
      await assert.rejects(
        store.shards(NEVER),
        failsWith("FLUME_LOGHUB_KEY", ({ parameters }) => assert.equal(parameters["code"], "SignatureNotMatch")),
      );
      await write(secret);
      const works = () =>
        store.shards(NEVER).then(
          () => true,
          () => false,
        );
      await eventually(works, { within: 20_000, what: "the right secret" });
    });

    it("what expires is fetched before it does, by all callers together once, and kept when that fails", async () => {
      let now = 0;
      let fetches = 0;
      let works = true;
      const provider = new RenewableCredentials(
        async () => {
          fetches++;
          await Promise.resolve();
          if (!works) throw new Error("no");
          return { accessKeyId: `id-${fetches}`, accessKeySecret: "s", expiresAt: now + 3_600_000 };
        },
        () => now,
      );
      const ids = await Promise.all([1, 2, 3].map(async () => (await provider.current()).accessKeyId));
      assert.deepEqual(ids, ["id-1", "id-1", "id-1"]);
      now += 3_600_000 - 4 * 60_000;
      works = false;
      assert.equal((await provider.current()).accessKeyId, "id-1");
      assert.equal((await provider.current()).accessKeyId, "id-1");
      assert.equal(fetches, 2);
      now += 10_000;
      works = true;
      const renewed = await provider.current();
      assert.equal(renewed.accessKeyId, "id-3");
      // Refused: others are fetched, but not for each of many callers, nor again and again.
      now += 10_000;
      const others = await Promise.all([1, 2, 3].map(() => provider.renewed(renewed)));
      assert.deepEqual(
        others.map(({ accessKeyId }) => accessKeyId),
        ["id-4", "id-4", "id-4"],
      );
      assert.equal((await provider.renewed(others[0] ?? renewed)).accessKeyId, "id-4");
      now += 10_000_000;
      works = false;
      await assert.rejects(provider.current());
    });

    it("of an instance's role: the name first, then the credentials", async () => {
      const asked: string[] = [];
      const { url, close } = await serve((question, answer) => {
        asked.push(question.url ?? "");
        answer.end(
          question.url === "/ram/" ? "my-role\n" : asJson({ id: "i", secret: "s", token: "t" }, 1_700_000_000_000),
        );
      });
      try {
        const credentials = {
          accessKeyId: "i",
          accessKeySecret: "s",
          securityToken: "t",
          expiresAt: 1_700_000_000_000,
        };
        assert.deepEqual(await credentialsOfAddress(`${url}/ram/`)(), credentials);
        assert.deepEqual(asked, ["/ram/", "/ram/my-role"]);
      } finally {
        close();
      }
    });

    it("answers that are none: too long, elsewhere, refused, no JSON; their text is not told", async () => {
      const good = asJson({ id: "i", secret: "s", token: "t" });
      const { url, close } = await serve((question, answer) => {
        if (question.url === "/long") answer.end(good + " ".repeat(100_000));
        else if (question.url === "/away") answer.writeHead(302, { location: "/good" }).end();
        else if (question.url === "/good") answer.end(good);
        else if (question.url === "/no") answer.writeHead(404).end();
        else answer.end("secret text");
      });
      try {
        for (const path of ["/long", "/away", "/no", "/text", "/role/"]) {
          await assert.rejects(
            credentialsOfAddress(url + path)(),
            failsWith("FLUME_LOGHUB_CREDENTIALS", (error) => assert.ok(!String(error).includes("secret text"))),
            path,
          );
        }
      } finally {
        close();
      }
    });

    it("of the environment, and a file that is not there", async () => {
      const environment = { ALIBABA_CLOUD_ACCESS_KEY_ID: "i", ALIBABA_CLOUD_ACCESS_KEY_SECRET: "s" };
      assert.deepEqual(await credentialsOfEnvironment(environment)(), {
        accessKeyId: "i",
        accessKeySecret: "s",
        securityToken: undefined,
      });
      await assert.rejects(credentialsOfEnvironment({})(), failsWith("FLUME_LOGHUB_CREDENTIALS"));
      await assert.rejects(credentialsOfFile(folder.file("none"))(), failsWith("FLUME_LOGHUB_CREDENTIALS"));
    });
  });
});

async function serve(handle: RequestListener): Promise<{ url: string; close(): void }> {
  const server: Server = createServer(handle);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const close = () => {
    server.closeAllConnections();
    server.close();
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close };
}
