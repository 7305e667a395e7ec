import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { monitorEventLoopDelay } from "node:perf_hooks";
import fc from "fast-check";
import { batchOf, type EventBatch } from "../../lib/engine/batch.js";
import type { RefusalPolicy } from "../../lib/engine/common-properties.js";
import { isDeliveryError } from "../../lib/engine/errors.js";
import { copyHeaders, createEvent, type FlumeEvent } from "../../lib/engine/event.js";
import { readConfig } from "../../lib/engine/properties.js";
import { MemoryChannel } from "../../nodes/channels/memory/memory-channel.js";
import { flatRandomUuid } from "../../nodes/routing/interceptors/random-uuid.js";
import { component } from "../../nodes/routing/interceptors/component.js";
import { testContext } from "../support/component-context.js";
import { textBatch } from "../support/event-batches.js";
import { portsTo, routingContext, send, TestInlet } from "./inlets.js";

type Rule = { readonly type: string; readonly [field: string]: unknown };

function chain(rules: readonly Rule[], context = routingContext()) {
  const { config, problems } = readConfig(component.properties, { rules });
  assert.deepEqual(problems, []);
  return component.create(config, context);
}

async function through(rules: readonly Rule[], batch: EventBatch): Promise<FlumeEvent[]> {
  const out = new TestInlet("out");
  await send(chain(rules), batch, portsTo(out));
  return out.batches.flatMap((one) => [...one]);
}

function eventOf(body: string, headers: Record<string, string> = {}): FlumeEvent {
  return createEvent(Buffer.from(body), copyHeaders(headers));
}

async function headersAfter(rule: Rule, headers: Record<string, string> = {}, body = "x") {
  const [event] = await through([rule], batchOf([eventOf(body, headers)]));
  return { ...event?.headers };
}

async function bodyAfter(rule: Rule, body: string | Uint8Array): Promise<string> {
  const [event] = await through([rule], batchOf([createEvent(Buffer.from(body))]));
  return String(event?.body.toString("latin1"));
}

async function rejection(work: Promise<unknown>) {
  const error: unknown = await work.then(
    () => assert.fail("was accepted"),
    (thrown: unknown) => thrown,
  );
  assert.ok(isDeliveryError(error), String(error));
  return error;
}

describe("interceptors", () => {
  describe("header rules", () => {
    it("timestamp sets milliseconds, and overwrites unless told to keep", async () => {
      const before = Date.now();
      const { timestamp } = await headersAfter({ type: "timestamp" }, { timestamp: "old" });
      assert.ok(Number(timestamp) >= before && Number(timestamp) <= Date.now(), timestamp);
      assert.deepEqual(await headersAfter({ type: "timestamp", headerName: "t", preserveExisting: true }, { t: "1" }), {
        t: "1",
      });
    });

    it("host sets an address, or a name, and keeps an existing one if told to", async () => {
      const { host } = await headersAfter({ type: "host" }, { host: "old" });
      assert.match(String(host), /^[\d.]+$|:/);
      const { h } = await headersAfter({ type: "host", hostHeader: "h", useIP: false });
      assert.ok(h && h !== host);
      assert.deepEqual(await headersAfter({ type: "host", preserveExisting: true }, { host: "old" }), { host: "old" });
    });

    it("static keeps an existing value by default", async () => {
      assert.deepEqual(await headersAfter({ type: "static" }), { key: "value" });
      assert.deepEqual(await headersAfter({ type: "static" }, { key: "old" }), { key: "old" });
      assert.deepEqual(await headersAfter({ type: "static", preserveExisting: false }, { key: "old" }), {
        key: "value",
      });
      assert.deepEqual(await headersAfter({ type: "static", key: "__proto__", value: "v" }), { ["__proto__"]: "v" });
    });

    it("a uuid is random, of version 4, and never the same twice, also beyond one draw of random bytes", () => {
      const uuids = Array.from({ length: 5000 }, () => flatRandomUuid());
      for (const uuid of uuids)
        assert.match(uuid, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      assert.equal(new Set(uuids).size, uuids.length);
    });

    it("uuid gives each event another one behind the prefix, and keeps an existing one by default", async () => {
      const events = await through([{ type: "uuid", prefix: "p-" }], textBatch("a", "b"));
      const ids = events.map(({ headers }) => headers["id"]);
      for (const id of ids) assert.match(String(id), /^p-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
      assert.notEqual(ids[0], ids[1]);
      assert.deepEqual(await headersAfter({ type: "uuid" }, { id: "old" }), { id: "old" });
      assert.notEqual((await headersAfter({ type: "uuid", preserveExisting: false }, { id: "old" }))["id"], "old");
    });

    it("remove_header goes by name, list and pattern of the whole name", async () => {
      const all = { one: "1", two: "2", three: "3", xtwox: "4" };
      const remove = (rule: object) => headersAfter({ type: "remove_header", ...rule }, all);
      assert.deepEqual(await remove({ withName: "two" }), { one: "1", three: "3", xtwox: "4" });
      assert.deepEqual(await remove({ fromList: "one , three" }), { two: "2", xtwox: "4" });
      assert.deepEqual(await remove({ fromList: "one;three", fromListSeparator: ";" }), { two: "2", xtwox: "4" });
      assert.deepEqual(await remove({ matching: "t.*" }), { one: "1", xtwox: "4" });
      assert.deepEqual(await remove({ matching: "(?i)ONE|t" }), { two: "2", three: "3", xtwox: "4" });
      assert.deepEqual(await remove({ withName: "two", fromList: "one", matching: "x.*" }), { three: "3" });
    });

    it("a rule that cannot work is reported, and holds events instead of passing them unchanged", async () => {
      const context = routingContext();
      const router = chain([{ type: "remove_header" }], context);
      assert.match(String(context.reports[0]), /Interceptor 1 \(remove_header\)/);
      const out = new TestInlet("out");
      const error = await rejection(send(router, textBatch("a"), portsTo(out)));
      assert.equal(error.code, "FLUME_INTERCEPTOR_INVALID");
      assert.equal(error.outcome, "none");
      assert.deepEqual(out.bodies, []);
    });
  });

  describe("search and replace", () => {
    const rule = (searchPattern: string, replaceString: string, charset = "UTF-8") => ({
      type: "search_replace",
      searchPattern,
      replaceString,
      charset,
    });

    it("replaces every match, with groups as Java writes them", async () => {
      assert.equal(await bodyAfter(rule("b+", "-"), "abbab"), "a-a-");
      assert.equal(await bodyAfter(rule("(\\w+)@(\\w+)", "$2 at $1"), "me@here"), "here at me");
      assert.equal(await bodyAfter(rule("(?<who>\\w+)@", "${who}!"), "me@"), "me!");
      assert.equal(await bodyAfter(rule("(a)", "$12"), "a"), "a2");
      assert.equal(await bodyAfter(rule("(a)|b", "<$1>"), "ab"), "<a><>");
      assert.equal(await bodyAfter(rule("x", "\\$1\\\\$0"), "x"), "$1\\x");
      assert.equal(await bodyAfter(rule("x", "$$&".replace("$$", "\\$")), "x"), "$&");
    });

    it("refuses at deploy a group that the pattern lacks", () => {
      for (const replacement of ["$1", "${a}", "$", "\\"]) {
        const context = routingContext();
        chain([rule("x", replacement)], context);
        assert.equal(context.reports.length, 1, replacement);
      }
    });

    it("reads and writes other character sets", async () => {
      assert.equal(await bodyAfter(rule("é", "ü", "ISO-8859-1"), Buffer.from("caf\xe9", "latin1")), "caf\xfc");
      assert.equal(await bodyAfter(rule("e", "日", "ISO-8859-1"), "e"), "?");
      const gbk = await bodyAfter(rule("中", "文", "gbk"), Buffer.from([0x61, 0xd6, 0xd0]));
      assert.deepEqual(Buffer.from(gbk, "latin1"), Buffer.from([0x61, 0xce, 0xc4]));
      const be = await bodyAfter(rule("a", "b", "utf-16be"), Buffer.from([0, 0x61]));
      assert.deepEqual(Buffer.from(be, "latin1"), Buffer.from([0, 0x62]));
      const sjis = await bodyAfter(rule("a", "日", "shift_jis"), "a");
      assert.deepEqual(Buffer.from(sjis, "latin1"), Buffer.from([0x93, 0xfa]));
    });

    it("keeps a body to the byte where nothing matches", async () => {
      assert.equal(await bodyAfter(rule("zzz", ""), Buffer.from([0xff, 0xfe, 0x61])), "\xff\xfea");
    });

    it("does not change the event for others that hold it", async () => {
      const batch = textBatch("abc");
      const [changed] = await through([rule("b", "-"), { type: "static" }], batch);
      assert.equal(changed?.body.toString(), "a-c");
      assert.equal(batch.at(0).body.toString(), "abc");
      assert.deepEqual({ ...batch.at(0).headers }, {});
    });
  });

  describe("regex filter", () => {
    const bodies = async (rule: object, ...texts: string[]) =>
      (await through([{ type: "regex_filter", ...rule }], textBatch(...texts))).map(({ body }) => body.toString());

    it("keeps what matches anywhere, or drops it", async () => {
      assert.deepEqual(await bodies({ regex: "ERR|WARN" }, "an ERROR", "info", "WARN"), ["an ERROR", "WARN"]);
      assert.deepEqual(await bodies({ regex: "ERR", excludeEvents: true }, "an ERROR", "info"), ["info"]);
      assert.deepEqual(await bodies({}, "a", ""), ["a", ""]);
      assert.deepEqual(await bodies({ regex: "^日" }, "日本", "本日"), ["日本"]);
    });

    it("works on what the rules before it have left", async () => {
      const rules = [
        { type: "regex_filter", regex: "a" },
        { type: "search_replace", searchPattern: "a", replaceString: "b" },
        { type: "regex_filter", regex: "b" },
        { type: "static", key: "k", value: "v" },
      ];
      const events = await through(rules, textBatch("a1", "b2", "a3"));
      assert.deepEqual(
        events.map(({ body, headers }) => `${String(body)} ${headers["k"]}`),
        ["b1 v", "b3 v"],
      );
    });

    it("sends no batch at all when nothing is left", async () => {
      const out = new TestInlet("out");
      await send(chain([{ type: "regex_filter", regex: "x" }]), textBatch("a"), portsTo(out));
      assert.equal(out.tries, 0);
    });

    it("gives up the memory of what it drops, once the rest is held by a channel", async () => {
      const channel = new MemoryChannel(
        "memory",
        {
          capacity: 10_000,
          transactionCapacity: 10_000,
          keepAlive: 0,
          byteCapacity: 0,
          byteCapacityBufferPercentage: 0,
        },
        testContext().counters,
      );
      const router = chain([{ type: "regex_filter", regex: "^0 " }]);
      for (let read = 0; read < 20; read++) {
        const memory = Buffer.alloc(65_000, "x");
        const events = Array.from({ length: 650 }, (_, i) => {
          memory.write(`${i} `, i * 100);
          return createEvent(memory.subarray(i * 100, i * 100 + 100));
        });
        await send(router, batchOf(events), portsTo(channel));
      }
      const take = await channel
        .connect({ id: "sink", maxLeases: 1 })
        .take({ events: 100, bytes: Infinity }, new AbortController().signal);
      const kept = new Set([...(take?.batch ?? [])].map(({ body }) => body.buffer));
      const bytes = [...kept].reduce((sum, buffer) => sum + buffer.byteLength, 0);
      assert.equal(take?.batch.length, 20);
      assert.equal(bytes, 20 * 100);
    });
  });

  describe("regex extractor", () => {
    const extract = (regex: string, serializers: string, body: string) =>
      headersAfter({ type: "regex_extractor", regex, serializers }, {}, body);

    it("gives one header a group, of the first match only", async () => {
      assert.deepEqual(await extract("(\\d):(\\d):(\\d)", "one, two,three", "1:2:3.4foobar5 6:7:8"), {
        one: "1",
        two: "2",
        three: "3",
      });
      assert.deepEqual(await extract("(\\d)(\\d)", "one", "12"), { one: "1" });
      assert.deepEqual(await extract("(\\d)", "one, two", "1"), { one: "1" });
      assert.deepEqual(await extract("(\\d)", "one", "none"), {});
      assert.deepEqual(await extract("(\\d)(x)?", "one, two:default", "1"), { one: "1" });
    });

    it("turns a time into milliseconds", async () => {
      const headers = await extract(
        "^(\\S+ \\S+) (\\w+)",
        "time:millis(yyyy-MM-dd HH:mm:ss,SSS), level",
        "2012-10-17 14:34:44,338 INFO x",
      );
      assert.deepEqual(headers, { time: String(new Date(2012, 9, 17, 14, 34, 44, 338).getTime()), level: "INFO" });
      const apache = await extract(
        "\\[([^\\]]+)\\]",
        "t:millis(dd/MMM/yyyy:HH:mm:ss Z)",
        "[10/Oct/2000:13:55:36 -0700]",
      );
      assert.deepEqual(apache, { t: String(Date.UTC(2000, 9, 10, 20, 55, 36)) });
    });

    it("says at deploy what is wrong with the list of headers", () => {
      for (const serializers of [",", "a b", "a:seconds(x)", "a:millis(", "a:millis(yyyy-QQ)", "a,,b"]) {
        const context = routingContext();
        chain([{ type: "regex_extractor", regex: "(a)", serializers }], context);
        assert.match(String(context.reports[0]), /Interceptor 1 \(regex_extractor\)/, serializers);
      }
    });
  });

  describe("refused events", () => {
    const rules = [
      { type: "static" },
      { type: "regex_extractor", regex: "(.*)", serializers: "t:millis(yyyy-MM-dd)" },
      { type: "static", key: "after", value: "yes" },
    ];
    const batch = textBatch("2020-01-01", "bad", "2020-01-02");

    async function by(policy: RefusalPolicy) {
      const context = routingContext(policy);
      const out = new TestInlet("out");
      const sent = send(chain(rules, context), batch, portsTo(out));
      return { context, out, sent };
    }

    it("block the batch, and are named", async () => {
      const { out, sent } = await by("block");
      const error = await rejection(sent);
      assert.equal(error.code, "FLUME_INTERCEPTOR_FAILED");
      assert.deepEqual(
        [...(error.refused ?? [])].map(([i]) => i),
        [1],
      );
      assert.match(error.message, /Interceptor 2 \(regex_extractor\).*"bad" is not a time/);
      assert.deepEqual(out.bodies, []);
    });

    it("are dropped and counted", async () => {
      const { out, sent, context } = await by("drop");
      await sent;
      assert.deepEqual(out.bodies, ["2020-01-01", "2020-01-02"]);
      assert.equal(context.counters.get("EventDropCount"), 1);
    });

    it("leave by the dead-letter port as they came, the others with all headers", async () => {
      const { out, sent, context } = await by("port");
      await sent;
      assert.deepEqual(out.bodies, ["2020-01-01", "2020-01-02"]);
      assert.equal(out.batches[0]?.at(1).headers["after"], "yes");
      assert.deepEqual(context.deadLetter.bodies, ["bad"]);
      const headers = context.deadLetter.batches[0]?.at(0).headers ?? {};
      assert.equal(headers["flume.refused.code"], "FLUME_INTERCEPTOR_FAILED");
      assert.equal(headers["key"], undefined);
    });

    it("are not counted while the batch cannot go on for another reason", async () => {
      const context = routingContext("drop");
      const error = await rejection(send(chain(rules, context), batch, portsTo(undefined)));
      assert.equal(error.code, "FLUME_PORT_NOT_WIRED");
      assert.equal(context.counters.get("EventDropCount"), 0);
    });
  });

  describe("a pattern that never ends", () => {
    const rule = { type: "regex_filter", regex: "(a+)+b" };
    /**
     * Milliseconds. Without the guard it is for ever; 100 is what we aim at, and a machine shared with others may stop
     * the whole process for longer than that.
     */
    const LONGEST_STALL = 5_000;
    const endless = "a".repeat(60);

    async function withLoopDelay<T>(work: () => Promise<T>): Promise<{ result: T; longest: number }> {
      const monitor = monitorEventLoopDelay({ resolution: 1 });
      monitor.enable();
      await delay(20);
      monitor.reset();
      const result = await work();
      await delay(20);
      monitor.disable();
      return { result, longest: monitor.max / 1e6 };
    }

    it("blocks its batch, never holds the process up for long, and is not tried in full again", async () => {
      const texts = Array.from({ length: 10_000 }, (_, i) => (i === 5000 ? endless : `aab ${i}`));
      const batch = textBatch(...texts);
      const router = chain([rule]);
      const out = new TestInlet("out");
      const first = await withLoopDelay(() => rejection(send(router, batch, portsTo(out))));
      assert.equal(first.result.code, "FLUME_REGEX_TOO_SLOW");
      assert.deepEqual(
        [...(first.result.refused ?? [])].map(([i]) => i),
        [5000],
      );
      assert.ok(first.longest < LONGEST_STALL, `the loop stood for ${first.longest} ms`);
      const started = performance.now();
      for (let i = 0; i < 10; i++) await rejection(send(router, batch, portsTo(out)));
      const again = (performance.now() - started) / 10;
      assert.ok(again < LONGEST_STALL / 2, `each further try took ${again} ms`);
    });

    it("lets the others go on, wherever the slow ones stand", async () => {
      const texts = Array.from({ length: 1000 }, (_, i) => (i % 100 === 7 || i === 999 ? endless + i : `aab ${i}`));
      const context = routingContext("port");
      const out = new TestInlet("out");
      const { longest } = await withLoopDelay(() => send(chain([rule], context), textBatch(...texts), portsTo(out)));
      assert.deepEqual(
        context.deadLetter.bodies,
        texts.filter((text) => text.startsWith("aaa")),
      );
      assert.deepEqual(
        out.bodies,
        texts.filter((text) => !text.startsWith("aaa")),
      );
      assert.ok(longest < LONGEST_STALL, `the loop stood for ${longest} ms`);
    });

    it("costs little an event when all are like that", async () => {
      const texts = Array.from({ length: 100 }, (_, i) => endless + i);
      const context = routingContext("drop");
      const started = performance.now();
      await send(chain([rule], context), textBatch(...texts), portsTo(new TestInlet("out")));
      assert.equal(context.counters.get("EventDropCount"), 100);
      assert.ok(performance.now() - started < 30_000);
    });

    it("is bounded in an extractor, a replacement, and a removal of headers too", async () => {
      const slow = [
        { type: "regex_extractor", regex: "((a+)+)b", serializers: "x" },
        { type: "search_replace", searchPattern: "(a|a)*b", replaceString: "" },
        { type: "regex_filter", regex: "^(\\w+\\s?)*$" },
        { type: "regex_filter", regex: "(a*)*\\1b" },
      ];
      for (const one of slow) {
        const error = await rejection(send(chain([one]), textBatch(`${endless}!`), portsTo(new TestInlet("out"))));
        assert.equal(error.code, "FLUME_REGEX_TOO_SLOW", one.regex);
      }
      const names = batchOf([eventOf("x", { [`${endless}!`]: "v" })]);
      const router = chain([{ type: "remove_header", matching: "(a+)+" }]);
      assert.equal((await rejection(send(router, names, portsTo(new TestInlet("out"))))).code, "FLUME_REGEX_TOO_SLOW");
    });

    it("is bounded where only the length of the body makes it slow", async () => {
      const body = "y".repeat(500_000);
      const router = chain([{ type: "regex_filter", regex: "y+y+x" }]);
      const { longest, result } = await withLoopDelay(() =>
        rejection(send(router, textBatch(body), portsTo(new TestInlet("out")))),
      );
      assert.equal(result.code, "FLUME_REGEX_TOO_SLOW");
      assert.ok(longest < LONGEST_STALL, `the loop stood for ${longest} ms`);
    });
  });

  it("gives the same under the watchdog as without", async () => {
    const lines = fc.array(fc.string({ maxLength: 40 }), { minLength: 1, maxLength: 50 });
    const patterns = fc.constantFrom("a", "[a-z]+", "(\\w)+\\s", "^(.*?)(\\d*)$", "(a|b)*c");
    await fc.assert(
      fc.asyncProperty(lines, patterns, async (texts, regex) => {
        const events = await through([{ type: "regex_filter", regex }], textBatch(...texts));
        const wanted = texts.filter((text) => new RegExp(regex).test(Buffer.from(text).toString()));
        assert.deepEqual(
          events.map(({ body }) => body.toString()),
          wanted.map((text) => Buffer.from(text).toString()),
        );
      }),
      { numRuns: 50 },
    );
  });
});
