import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { batchOf, type EventBatch } from "../../lib/engine/batch.js";
import { Delivery, NEVER, routesTo } from "../../lib/engine/delivery.js";
import { type DeliveryError, isDeliveryError } from "../../lib/engine/errors.js";
import { copyHeaders, createEvent, type FlumeEvent } from "../../lib/engine/event.js";
import { readConfig } from "../../lib/engine/properties.js";
import { RefusalExit } from "../../lib/engine/refusal.js";
import { SinkInlet } from "../../lib/engine/sink-inlet.js";
import { component as projectNode } from "../../nodes/config/loghub-project/component.js";
import { component } from "../../nodes/sinks/loghub/component.js";
import { readCells } from "../../nodes/sinks/loghub/delimited-cells.js";
import { testContext } from "../support/component-context.js";
import { numberBatch } from "../support/event-batches.js";
import { eventually } from "../support/eventually.js";
import { TestInlet } from "../support/inlets.js";
import { root } from "../support/machine.js";
import { type FlowNode, NodeRed } from "../support/node-red.js";
import { freePort } from "../support/ports.js";
import { tcpClient } from "../support/tcp-client.js";
import { faults } from "./emulator/faults.js";
import { decodeLogGroup, type Log, type LogGroup } from "./emulator/log-groups.js";
import { type LogService, startLogService } from "./emulator/log-service.js";

const EXAMPLE = "16 - netcat to loghub (Log Service).json";

const event = (body: string | Buffer, headers: Record<string, string> = {}): FlumeEvent =>
  createEvent(Buffer.from(body), copyHeaders(headers));

/** What a shard holds, group by group. */
function groupsOf(service: LogService, shard = 0): LogGroup[] {
  const stored = service.store().shard(shard);
  return Array.from({ length: stored.end }, (_, place) => decodeLogGroup(stored.at(place)?.bytes ?? Buffer.alloc(0)));
}

const logsOf = (service: LogService, shard = 0): Log[] => groupsOf(service, shard).flatMap(({ logs }) => logs);
const bodiesOf = (service: LogService, shard = 0): string[] =>
  logsOf(service, shard).map(({ contents }) => String(contents[0]?.[1]));
const fieldsOf = ({ contents }: Log): Record<string, string> =>
  Object.fromEntries(contents.map(([name, value]) => [name, String(value)]));

const numbers = (first: number, end: number): string[] =>
  Array.from({ length: end - first }, (_, i) => String(first + i));

async function rejection(writing: Promise<void>): Promise<DeliveryError> {
  try {
    await writing;
  } catch (error) {
    assert.ok(isDeliveryError(error), String(error));
    return error;
  }
  throw new assert.AssertionError({ message: "It was written." });
}

describe("LogHub sink", function () {
  this.timeout(60_000);
  const ends: (() => Promise<void>)[] = [];

  const start = async (
    settings: Readonly<Record<string, unknown>> = {},
    { shards = 1, ...project }: Readonly<Record<string, unknown>> & { shards?: number } = {},
  ) => {
    const service = await startLogService({ shards });
    const { endpoint, key } = service;
    const { config } = readConfig(projectNode.properties, {
      ...{ endpoint, project: service.project, accessKeyId: key.id, accessKey: key.secret, timeout: 2_000 },
      ...project,
    });
    const shared = { project: { id: "project", name: "project", config, shared: {} } };
    const context = Object.assign(testContext(), { shared });
    const own = readConfig(component.properties, { project: "project", logstore: service.logstore, ...settings });
    assert.deepEqual(own.problems, []);
    const sink = component.create(own.config, context);
    ends.push(
      () => sink.stop(),
      () => service.close(),
    );
    await sink.start();
    return { service, sink, context, write: (batch: EventBatch) => sink.write(batch, NEVER) };
  };

  afterEach(async () => {
    for (const end of ends.splice(0)) await end();
  });

  describe("serializers", () => {
    const written = async (settings: Readonly<Record<string, unknown>>, ...events: FlumeEvent[]): Promise<Log[]> => {
      const { service, write } = await start(settings);
      await write(batchOf(events));
      return logsOf(service);
    };
    const now = Math.floor(Date.now() / 1000);

    it("SIMPLE: the body is one field; the time is the event's, or that of writing", async () => {
      const headers = { timestamp: String((now - 3_600) * 1000 + 999) };
      const logs = await written({ fieldName: "message" }, event("a 日志", headers), event(""));
      assert.deepEqual(logs.map(fieldsOf), [{ message: "a 日志" }, { message: "" }]);
      assert.equal(logs[0]?.time, now - 3_600);
      assert.ok(Math.abs((logs[1]?.time ?? 0) - Date.now() / 1000) < 60);
      const [late] = await written({ useRecordTime: false }, event("a", headers));
      assert.ok(Math.abs((late?.time ?? 0) - Date.now() / 1000) < 60);
      const latin = await written({ encoding: "iso-8859-1" }, event(Buffer.from([0xe4, 0x61])));
      assert.deepEqual(latin.map(fieldsOf), [{ body: "äa" }]);
    });

    it("DELIMITED: cells as fields, in quotes or not; the column timestamp is the time", async () => {
      const settings = { serializer: "DELIMITED", columns: "timestamp, a ,b", separatorChar: "\\t" };
      const logs = await written(settings, event(`${now - 60}\t"x\ty ""z"""\t`), event(`${now}\t1`));
      assert.deepEqual(logs.map(fieldsOf), [{ a: 'x\ty "z"', b: "" }, { a: "1" }]);
      assert.equal(logs[0]?.time, now - 60);
    });

    it("JSON: keys as fields, what is no text as JSON; a field or a pattern of the time", async () => {
      const time = new Date((now - 120) * 1000);
      const two = (part: number) => String(part).padStart(2, "0");
      const local = `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())} ${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`;
      const settings = { serializer: "JSON", timeField: "at", timeFormat: "yyyy-MM-dd HH:mm:ss" };
      const logs = await written(settings, event(`{"a":"x","b":[1,null],"c":null,"d":1.5,"at":"${local}"}`));
      assert.deepEqual(logs.map(fieldsOf), [{ a: "x", b: "[1,null]", c: "null", d: "1.5", at: local }]);
      assert.equal(logs[0]?.time, now - 120);
    });

    it("REGEX: groups as fields, JSON in one of them expanded; what does not match whole is one field", async () => {
      const settings = {
        serializer: "REGEX",
        regex: "(\\S+) (\\d+)( .*)?",
        fieldNames: "at,n,rest",
        expandJsonKeys: "rest",
        timeField: "n",
      };
      const logs = await written(
        settings,
        event(`x ${now - 5} {"k":1}`),
        event(`y ${now}`),
        event("none"),
        event(`z ${now}\nmore`),
      );
      assert.deepEqual(logs.map(fieldsOf), [
        { at: "x", n: String(now - 5), k: "1" },
        { at: "y", n: String(now) },
        { content: "none" },
        { content: `z ${now}\nmore` },
      ]);
      assert.equal(logs[0]?.time, now - 5);
    });

    it("REGEX: flags before a pattern count, and its anchors mean the whole body", async () => {
      const settings = { serializer: "REGEX", regex: "(?im)^(a+)$|(b)", fieldNames: "a,b" };
      const logs = await written(settings, event("AA"), event("B"), event("aa\nb"));
      assert.deepEqual(logs.map(fieldsOf), [{ a: "AA" }, { b: "B" }, { content: "aa\nb" }]);
    });

    it("REGEX: a body on which the pattern does not end is refused, and others have their turn meanwhile", async () => {
      const { write } = await start({ serializer: "REGEX", regex: "(a+)+b", fieldNames: "a" });
      // Without a bound each of these takes half a minute and more, in which nothing else runs.
      const endless = (n: number) => event(`${"a".repeat(32)}${n}`);
      let turns = 0;
      const ticking = setInterval(() => turns++, 1);
      const begun = performance.now();
      const error = await rejection(write(batchOf([event("aab"), endless(1), event("ab"), endless(2), event("no")])));
      clearInterval(ticking);
      for (const index of [1, 3]) assert.equal(error.refused?.get(index)?.code, "FLUME_REGEX_TOO_SLOW");
      assert.ok((error.refused?.size ?? 0) < 5);
      assert.ok(turns >= 2, String(turns));
      assert.ok(performance.now() - begun < 30_000);
    });

    it("bodies that do not fit are refused before anything is sent, each with its reason", async () => {
      const { service, write } = await start({ serializer: "JSON", timeField: "t" });
      const error = await rejection(write(batchOf([event("{}"), event("no"), event("[1]"), event('{"t":"x"}')])));
      assert.equal(error.code, "FLUME_LOGHUB_BODY");
      assert.deepEqual([...(error.refused?.keys() ?? [])], [1, 2, 3]);
      assert.equal(service.calls("PutLogs"), 0);
      const large = await start();
      const tooLarge = await rejection(large.write(batchOf([event("a"), event(Buffer.alloc(10 * 1024 * 1024, "a"))])));
      assert.deepEqual(
        [...(tooLarge.refused ?? [])].map(([index, { code }]) => [index, code]),
        [[1, "FLUME_LOGHUB_LOG_TOO_LARGE"]],
      );
    });

    it("a time that no log can have does not become another: of a body it is refused, of a header it is none", async () => {
      const { service, write } = await start({ serializer: "JSON", timeField: "t", timeFormat: "yyyy-MM-dd" });
      const never = ["1960-01-01", "9999-01-01"].map((t) => event(JSON.stringify({ t })));
      const error = await rejection(write(batchOf([event("{}"), ...never])));
      assert.equal(error.code, "FLUME_LOGHUB_BODY");
      assert.deepEqual([...(error.refused?.keys() ?? [])], [1, 2]);
      assert.equal(service.calls("PutLogs"), 0);
      // What is left of it in 32 bits would be a minute ago.
      const [log] = await written({}, event("a", { timestamp: String((now - 60 + 2 ** 32) * 1000) }));
      assert.ok((log?.time ?? 0) >= now);
    });

    it("settings that cannot be are named when it starts", async () => {
      await assert.rejects(start({ serializer: "DELIMITED", columns: "a,,b" }), { code: "FLUME_LOGHUB_SETTING" });
      await assert.rejects(start({ serializer: "DELIMITED", columns: "a", separatorChar: "ab" }), {
        code: "FLUME_LOGHUB_SETTING",
      });
      await assert.rejects(start({ serializer: "JSON", timeField: "t", timeFormat: "QQ" }), {
        code: "FLUME_LOGHUB_SETTING",
      });
    });

    it("cells end with the text, whatever is in it", () => {
      const marks = { separator: ",", quote: '"', escape: "\\" };
      assert.deepEqual(readCells('a,"b,c",\\"d,"e', marks), ["a", "b,c", '"d', "e"]);
      assert.deepEqual(readCells("", marks), [""]);
      assert.deepEqual(readCells('"a""b"', { ...marks, escape: '"' }), ['a"b']);
      assert.deepEqual(readCells('"a', { ...marks, quote: "" }), ['"a']);
    });
  });

  it("topic and source are in each group; a large batch goes in requests of a bounded size, all compressions", async () => {
    for (const compression of ["lz4", "deflate", "none"]) {
      const { service, write } = await start(
        { topic: "t", source: "1.2.3.4", bufferBytes: 20_000, concurrency: 3 },
        { compression },
      );
      const body = "x".repeat(500);
      await write(batchOf(Array.from({ length: 300 }, () => event(body))));
      const groups = groupsOf(service);
      assert.equal(logsOf(service).length, 300);
      assert.ok(groups.length >= 8 && groups.length <= 9, String(groups.length));
      for (const { topic, source } of groups) assert.deepEqual([topic, source], ["t", "1.2.3.4"]);
    }
  });

  it("batches that arrive together share a request when they may wait, and do not wait for nobody", async () => {
    const { service, sink, write } = await start({ maxBufferTime: 60_000, concurrency: 5 });
    assert.equal(sink.maxInFlight, 5);
    await Promise.all(numbers(0, 5).map((text) => write(batchOf([event(text)]))));
    assert.equal(service.calls("PutLogs"), 1);
    assert.deepEqual(bodiesOf(service), numbers(0, 5));
    const alone = await start({ maxBufferTime: 50 });
    await alone.write(batchOf([event("a")]));
    // One that waits alone leaves when the sink stops.
    const waiting = write(batchOf([event("last")]));
    await sink.stop();
    await waiting;
    assert.deepEqual(bodiesOf(service), [...numbers(0, 5), "last"]);
  });

  it("the hash key chooses the shard: as it is when it is one, else by its MD5", async () => {
    const { service, write } = await start({ hashKeyHeader: "key" }, { shards: 4 });
    const events = [event("first", { key: "0".repeat(32) }), event("last", { key: "F".repeat(32) }), event("none")];
    for (const name of ["a", "b", "c", "d"]) for (const n of [1, 2]) events.push(event(`${name}${n}`, { key: name }));
    await write(batchOf(events));
    const shardOf = (body: string): number =>
      [0, 1, 2, 3].findIndex((shard) => bodiesOf(service, shard).includes(body));
    assert.deepEqual([shardOf("first"), shardOf("last")], [0, 3]);
    assert.notEqual(shardOf("none"), -1);
    for (const name of ["a", "b", "c", "d"]) {
      const expected = Math.floor(Number.parseInt(createHash("md5").update(name).digest("hex").slice(0, 2), 16) / 64);
      assert.deepEqual([shardOf(`${name}1`), shardOf(`${name}2`)], [expected, expected]);
    }
  });

  describe("when requests fail", () => {
    it("only what is not acknowledged is named as failed, and comes again alone", async () => {
      const { service, write } = await start({ bufferBytes: 1_024, concurrency: 2 });
      const body = (n: string) => n.padEnd(300, "-");
      let puts = 0;
      const batch = batchOf(numbers(0, 12).map((n) => event(body(n))));
      const fault = service.inject(
        { on: "PutLogs", when: () => ++puts % 2 === 0 },
        faults.error(500, "InternalServerError"),
      );
      const error = await rejection(write(batch));
      fault.end();
      const kept = new Set(bodiesOf(service));
      assert.ok(kept.size > 0 && kept.size < 12, String(kept.size));
      assert.equal(error.refused, undefined);
      const failed = [...(error.failed?.keys() ?? [])].sort((a, b) => a - b);
      assert.deepEqual(
        failed,
        [...numbers(0, 12).keys()].filter((i) => !kept.has(body(String(i)))),
      );
      await write(batchOf(failed.map((i) => batch.at(i))));
      assert.deepEqual(bodiesOf(service).sort(), numbers(0, 12).map(body).sort());
    });

    it("in an outage nothing is named, so that no event is taken for the one at fault", async () => {
      const { service, write } = await start();
      for (const fault of [
        faults.reset(),
        faults.gateway(503),
        faults.error(404, "LogStoreNotExist"),
        faults.error(401, "Unauthorized"),
      ]) {
        const handle = service.inject({ on: "PutLogs" }, fault);
        const error = await rejection(write(numberBatch(0, 3)));
        assert.deepEqual([error.failed, error.refused, error.retry], [undefined, undefined, "later"], error.message);
        handle.end();
      }
      const lost = service.inject({ on: "PutLogs" }, faults.reset("after"));
      assert.equal((await rejection(write(numberBatch(0, 3)))).outcome, "unknown");
      lost.end();
    });

    it("a quota holds all requests back, longer each time, and costs nothing", async () => {
      const { service, write } = await start({ bufferBytes: 1_024, concurrency: 4 });
      const quota = service.inject({ on: "PutLogs", times: 6 }, faults.error(403, "ShardWriteQuotaExceed"));
      const begun = performance.now();
      await write(batchOf(numbers(0, 12).map((n) => event(n.padEnd(300, "-")))));
      assert.equal(quota.hits, 6);
      const waited = performance.now() - begun;
      // The first of two waits, and not six, each twice as long as the one before.
      assert.ok(waited >= 150 && waited < 5_000, String(waited));
      assert.equal(logsOf(service).length, 12);
      service.inject({ on: "PutLogs" }, faults.error(403, "WriteQuotaExceed"));
      const before = service.calls("PutLogs");
      const writing = rejection(write(numberBatch(0, 3)));
      assert.equal((await writing).code, "FLUME_LOGHUB_QUOTA");
      assert.ok(service.calls("PutLogs") - before <= 5);
    });

    it("of a request with bad logs the others are written, and those at fault refused with the reason", async () => {
      const { service, write } = await start();
      const good = numbers(0, 40).map((n) => event(n));
      const old = event("old", { timestamp: String(Date.now() - 30 * 86_400_000) });
      // No text: the service takes values as they are.
      const binary = event(Buffer.from([0xff, 0xfe]));
      const large = event("x".repeat(1_100_000));
      const events = [...good.slice(0, 10), old, ...good.slice(10, 30), binary, large, ...good.slice(30)];
      const error = await rejection(write(batchOf(events)));
      assert.deepEqual(bodiesOf(service).sort(), [...numbers(0, 40), "\ufffd\ufffd"].sort());
      assert.deepEqual(
        [...(error.failed?.keys() ?? [])].sort((a, b) => a - b),
        [10, 32],
      );
      // They come again alone, and now nothing of the batch is kept: refused for ever.
      const calls = service.calls("PutLogs");
      const again = await rejection(write(batchOf([old, large])));
      assert.equal(again.retry, "never");
      assert.deepEqual(
        [...(again.refused ?? [])].map(([index, { parameters }]) => [index, parameters["code"]]),
        [
          [0, "InvalidTimestamp"],
          [1, "PostBodyInvalid"],
        ],
      );
      assert.ok(service.calls("PutLogs") - calls <= 3);
      assert.equal(logsOf(service).length, 41);
    });

    it("as its channel delivers: each good log is written once, and those at fault leave with the reason", async () => {
      const { service, sink, context } = await start({ bufferBytes: 2_048 });
      const deadLetters = new TestInlet("dead letters");
      const inlet = new SinkInlet(
        "sink",
        sink,
        context.counters,
        new RefusalExit("port", "sink", context.counters, () => [deadLetters]),
      );
      inlet.open();
      const old = { timestamp: String(Date.now() - 30 * 86_400_000) };
      const events = numbers(0, 60).map((n) => event(n.padEnd(100, "-"), Number(n) % 20 === 7 ? old : {}));
      const delivery = new Delivery(routesTo([inlet], batchOf(events)));
      // One request fails besides: its logs come again together with those at fault.
      service.inject({ on: "PutLogs", times: 1 }, faults.gateway(503));
      const attempts: unknown[] = [];
      for (let done = false; !done && attempts.length < 5; ) {
        done = await delivery.attempt(NEVER).then(
          () => true,
          (error: unknown) => attempts.push(error) < 0,
        );
      }
      assert.ok(attempts.length >= 1 && attempts.length <= 3, String(attempts.length));
      const good = events
        .filter(({ headers }) => headers["timestamp"] === undefined)
        .map(({ body }) => body.toString());
      assert.deepEqual(bodiesOf(service).sort(), good.sort());
      assert.deepEqual(
        deadLetters.bodies.map((body) => Number.parseInt(body, 10)),
        [7, 27, 47],
      );
      for (const { headers } of deadLetters.accepted.flatMap((batch) => [...batch])) {
        assert.match(headers["flume.refused.reason"] ?? "", /InvalidTimestamp/);
      }
    });

    it("a stop gives back what is not acknowledged within its time, and sends nothing after it", async () => {
      const { service, sink, write } = await start({ concurrency: 1 }, { timeout: 60_000 });
      await write(numberBatch(0, 1));
      service.inject({ on: "PutLogs" }, faults.silence());
      const [writing, waiting] = [rejection(write(numberBatch(1, 3))), rejection(write(numberBatch(4, 3)))];
      await eventually(() => service.calls("PutLogs") === 2, { what: "request" });
      await sink.stop();
      assert.equal((await writing).outcome, "unknown");
      assert.equal((await waiting).outcome, "none");
      await eventually(() => service.connections === 0, { what: "no connections" });
      assert.equal(service.calls("PutLogs"), 2);
    });
  });
});

describe("LogHub sink in Node-RED", function () {
  this.timeout(120_000);

  it("the example: lines of JSON become logs through an outage, and what is none leaves by the refused port", async () => {
    const service = await startLogService({ shards: 1 });
    const port = await freePort();
    const flows = JSON.parse(await readFile(join(root, "examples", EXAMPLE), "utf8")) as FlowNode[];
    const credentials = { accessKeyId: service.key.id, accessKey: service.key.secret };
    const nodeRed = await NodeRed.start();
    const own = flows.map((node) => ({
      ...node,
      ...(node.type === "flume-netcat-source" ? { port } : {}),
      ...(node.type === "flume-loghub-project" ? { endpoint: service.endpoint, credentials } : {}),
    }));
    try {
      // Credentials come with a deploy; a file of flows has none.
      await nodeRed.deploy(own);
      const client = await eventually(() => tcpClient(port), { what: "netcat source" });
      assert.equal(await client.ask('{"level":"info","text":"Hello"}'), "OK");
      await eventually(() => logsOf(service).length === 1, { what: "first log", within: 20_000 });
      const outage = service.inject({ on: "PutLogs" }, faults.gateway(503));
      assert.equal(await client.ask('{"n":1}'), "OK");
      const since = Date.now();
      await eventually(() => outage.hits > 3, { what: "attempts", within: 30_000 });
      const told = nodeRed.logs.filter((line) => line.includes("[FLUME_LOGHUB_REFUSED]")).length;
      assert.ok(told >= 1 && told <= 1 + (Date.now() - since) / 10_000, `told ${told} times of ${outage.hits}`);
      assert.equal(await client.ask("no JSON"), "OK");
      outage.end();
      await nodeRed.waitForLog(/flume\.refused\.code=FLUME_LOGHUB_BODY/, { within: 30_000 });
      await eventually(() => logsOf(service).length === 2, { what: "second log", within: 20_000 });
      const refused = nodeRed.logs.filter((line) => line.includes("flume.refused.code=FLUME_LOGHUB_BODY"));
      assert.equal(refused.length, 1);
      await client.end();
      assert.deepEqual(logsOf(service).map(fieldsOf), [{ level: "info", text: "Hello" }, { n: "1" }]);
      assert.equal(groupsOf(service)[0]?.topic, "netcat");
      assert.ok(!nodeRed.logs.join("\n").includes(service.key.secret));
    } finally {
      await nodeRed.stop();
      await service.close();
    }
  });
});
