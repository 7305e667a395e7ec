import assert from "node:assert/strict";
import { isUtf8 } from "node:buffer";
import fc from "fast-check";
import type { EventBatch } from "../../lib/engine/batch.js";
import { isHeadraceError } from "../../lib/engine/errors.js";
import { checkLogGroups } from "../../lib/formats/log-groups/check-log-groups.js";
import type { DelimitedForm } from "../../lib/formats/log-groups/delimited-body.js";
import type { JsonForm } from "../../lib/formats/log-groups/json-body.js";
import { type LogEventForm, LogEvents } from "../../lib/formats/log-groups/log-events.js";
import { encodeLog, encodeLogGroup as writeLogGroup } from "../../lib/formats/log-groups/log-group-writer.js";
import { decodeLogGroup, encodeLogGroup, encodeLogGroupList, type LogGroup } from "./emulator/log-groups.js";

const NOTHING = { tags: false, topic: false, source: false };
const ALL = { tags: true, topic: true, source: true };
const JSON_FORM: JsonForm = { kind: "json", autoDetectJSONFields: true, timeAsField: false, groupFields: NOTHING };
const DELIMITED_FORM: DelimitedForm = {
  kind: "delimited",
  columns: ["a", "b", "c"],
  separatorChar: ",",
  quoteChar: '"',
  escapeChar: '"',
  lineEnd: "",
  applyQuotesToAll: false,
  appendTimestamp: false,
  localTimeFieldName: "",
};
const NOW = 1_700_000_000_123;

function converter(form: Partial<LogEventForm> = {}): LogEvents {
  return new LogEvents({ body: JSON_FORM, useRecordTime: true, headers: NOTHING, ...form }, () => NOW);
}

const listOf = (...groups: LogGroup[]): Buffer => encodeLogGroupList(groups.map(encodeLogGroup));

/** Throws where a body is not UTF-8. */
const strictText = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function bodies(groups: Buffer, form: Partial<LogEventForm> = {}, most = 1000): string[] {
  return [...converter(form).batches(groups, most)].flatMap((batch) =>
    [...batch].map(({ body }) => strictText.decode(body)),
  );
}

/** One log of these fields. */
const one = (...contents: [string, string | Buffer][]): LogGroup => ({ logs: [{ time: 1_600_000_000, contents }] });

const json = (contents: [string, string | Buffer][], more: Partial<JsonForm> = {}): string | undefined =>
  bodies(listOf(one(...contents)), { body: { ...JSON_FORM, ...more } })[0];

const delimited = (contents: [string, string | Buffer][], more: Partial<DelimitedForm> = {}): string | undefined =>
  bodies(listOf(one(...contents)), { body: { ...DELIMITED_FORM, ...more } })[0];

const isBroken = (error: unknown): boolean => isHeadraceError(error) && error.code === "FLUME_LOGHUB_LOGS_BROKEN";

describe("LogGroups as events", () => {
  describe("JSON bodies", () => {
    it("texts, embedded JSON with all its digits, and what only looks like JSON", () => {
      assert.equal(
        json([
          ["text", 'a "quoted"\\ \n\u0001 text'],
          ["object", '{ "id" : 12345678901234567890.10 , "x": [ 1, 2 ], "x": "a b" }'],
          ["list", "[\n1\n]"],
          ["null", "null"],
          ["broken", '{"a":}'],
          ["open", '{"a":1'],
          ["number", "12"],
        ]),
        '{"text":"a \\"quoted\\"\\\\ \\n\\u0001 text","object":{"id":12345678901234567890.10,"x":[1,2],"x":"a b"},' +
          '"list":[1],"null":null,"broken":"{\\"a\\":}","open":"{\\"a\\":1","number":"12"}',
      );
      assert.equal(json([["a", "{}"]], { autoDetectJSONFields: false }), '{"a":"{}"}');
    });

    it("nesting without end stays a text", () => {
      const deep = "[".repeat(100_000) + "]".repeat(100_000);
      assert.equal(json([["a", deep]]), `{"a":"${deep}"}`);
    });

    it("of two fields with one name the later stays; the group's own fields win over the log's", () => {
      assert.equal(
        json([
          ["a", "1"],
          ["b", "2"],
          ["a", "3"],
          ["a", "4"],
        ]),
        '{"b":"2","a":"4"}',
      );
      const group: LogGroup = {
        topic: "t",
        source: "s",
        tags: [
          ["__hostname__", "old"],
          ["__hostname__", "h"],
        ],
        logs: [
          {
            time: 5,
            contents: [
              ["__topic__", "not this"],
              ["k", "v"],
              ["__time__", "nor this"],
            ],
          },
        ],
      };
      const body: JsonForm = { ...JSON_FORM, timeAsField: true, groupFields: ALL };
      assert.deepEqual(bodies(listOf(group), { body }), [
        '{"k":"v","__time__":"5","__source__":"s","__topic__":"t","__tag__:__hostname__":"h"}',
      ]);
      // A group without them has none of them, and keys of its logs stay.
      assert.deepEqual(
        bodies(listOf(group, one(["__topic__", "own"])), { body })[1],
        '{"__topic__":"own","__time__":"1600000000"}',
      );
    });

    it("bytes that are not UTF-8 become U+FFFD, in keys too", () => {
      assert.equal(json([["a", Buffer.from([0x61, 0xff, 0x62, 0xe4, 0xb8])]]), '{"a":"a\ufffdb\ufffd"}');
      assert.equal(json([["a", Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])]]), '{"a":"{\\"\ufffd\\":1}"}');
    });

    it("logs without fields, groups without logs, lists without groups", () => {
      assert.deepEqual(bodies(listOf({ logs: [] }, one(), { topic: "t", logs: [] })), ["{}"]);
      assert.deepEqual(bodies(Buffer.alloc(0)), []);
    });

    it("values of 1 MB, of any bytes", () => {
      const large = '\u0001"x汉'.repeat(200_000);
      assert.equal(
        json([
          ["a", large],
          ["b", "c"],
        ]),
        `{"a":${JSON.stringify(large)},"b":"c"}`,
      );
      assert.equal(json([["a", Buffer.alloc(1024 * 1024, 0xff)]]), `{"a":"${"\ufffd".repeat(1024 * 1024)}"}`);
    });

    it("whatever the log, the body is what JSON.stringify makes of it", () => {
      fc.assert(
        fc.property(fc.array(fc.array(fc.tuple(key, value), { maxLength: 12 }), { maxLength: 20 }), (logs) => {
          const group = { logs: logs.map((contents) => ({ time: 1, contents })) };
          assert.deepEqual(bodies(listOf(group, group), {}, 3), [...logs, ...logs].map(expectedJson));
        }),
      );
    });
  });

  describe("delimited bodies", () => {
    it("columns in their order, cells in quotes where they need it, newlines as spaces", () => {
      assert.equal(
        delimited([
          ["c", "3"],
          ["x", "not asked for"],
          ["a", "1"],
        ]),
        "1,,3",
      );
      assert.equal(
        delimited([
          ["a", "x,y"],
          ["b", 'say "a"'],
          ["c", "1\n2\r"],
        ]),
        '"x,y","say ""a""","1 2\r"',
      );
      assert.equal(
        delimited(
          [
            ["a", "1"],
            ["b", ""],
          ],
          { applyQuotesToAll: true },
        ),
        '"1","",',
      );
      assert.equal(
        delimited([
          ["a", "1"],
          ["a", "2"],
        ]),
        "2,,",
      );
    });

    it("tabs, control characters and letters of several bytes as separators; a separator is escaped where nothing is quoted", () => {
      assert.equal(
        delimited(
          [
            ["a", "1"],
            ["b", "2"],
          ],
          { separatorChar: "\t" },
        ),
        "1\t2\t",
      );
      assert.equal(
        delimited(
          [
            ["a", "1§2"],
            ["b", "2"],
          ],
          { separatorChar: "§" },
        ),
        '"1§2"§2§',
      );
      assert.equal(
        delimited(
          [
            ["a", "1,2\\"],
            ["b", '"'],
          ],
          { quoteChar: "", escapeChar: "\\" },
        ),
        '1\\,2\\\\,",',
      );
      assert.equal(delimited([["a", 'x",']], { escapeChar: "" }), '"x",",,');
    });

    it("timestamp and local time in cells, an end of lines", () => {
      assert.equal(delimited([["a", "1"]], { appendTimestamp: true, lineEnd: "\r\n" }), "1,,,1600000000000\r\n");
      assert.equal(delimited([["a", "1"]], { localTimeFieldName: "b" }), `1,${NOW},`);
    });

    it("bytes that are not UTF-8 become U+FFFD, and 1 MB of quotes has room", () => {
      assert.equal(
        delimited([
          ["a", Buffer.from([0xff, 0x2c])],
          ["b", Buffer.from([0xfe])],
        ]),
        '"\ufffd,",\ufffd,',
      );
      const quotes = '"'.repeat(1024 * 1024);
      assert.equal(delimited([["a", quotes]]), `"${quotes}${quotes}",,`);
    });

    it("forms that cannot be are named", () => {
      const wrong: Partial<DelimitedForm>[] = [
        { columns: [] },
        { columns: ["a", ""] },
        { columns: ["a", "a"] },
        { separatorChar: "ab" },
        { quoteChar: "§" },
        { localTimeFieldName: "x" },
      ];
      for (const more of wrong) {
        assert.throws(() => delimited([["a", "1"]], more), { code: "FLUME_LOGHUB_SETTING" }, JSON.stringify(more));
      }
    });
  });

  describe("headers", () => {
    it("the time of the log, or of the conversion; parts of the group", () => {
      const group: LogGroup = { topic: "t", tags: [["k", "v"]], logs: [{ time: 7, timeNs: 999, contents: [] }] };
      const headers = (form: Partial<LogEventForm>): Record<string, string>[] =>
        [...converter(form).batches(listOf(group), 10)].flatMap((batch) =>
          [...batch].map((event) => ({ ...event.headers })),
        );
      assert.deepEqual(headers({}), [{ timestamp: "7000" }]);
      assert.deepEqual(headers({ useRecordTime: false }), [{ timestamp: String(NOW) }]);
      assert.deepEqual(headers({ headers: ALL }), [{ timestamp: "7000", __topic__: "t", "__tag__:k": "v" }]);
    });

    it("what a batch says it counts is what its events count, whatever part of it is taken, compacted or not", () => {
      const groups = [1, 2, 3].map(
        (n): LogGroup => ({
          source: `s${n}`,
          tags: [["host", "h".repeat(n)]],
          logs: Array.from({ length: 7 }, (_, i) => ({
            time: 1_600_000_000 + i,
            contents: [["k", "v".repeat(i * n)]],
          })),
        }),
      );
      const [batch] = [...converter({ headers: ALL }).batches(listOf(...groups), 100)];
      assert.ok(batch);
      const count = (some: EventBatch): number => {
        let bytes = 0;
        for (const { headers, body } of some) {
          bytes += body.length;
          for (const [name, text] of Object.entries(headers)) bytes += name.length + text.length;
        }
        return bytes;
      };
      const texts = (some: EventBatch) =>
        [...some].map(({ body, headers }) => `${body.toString()} ${JSON.stringify(headers)}`);
      for (const [from, to] of [
        [0, 21],
        [0, 1],
        [5, 9],
        [20, 21],
        [7, 7],
      ] as const) {
        const part = batch.slice(from, to);
        assert.equal(part.bytes, count(part));
        assert.deepEqual(texts(part), texts(batch).slice(from, to));
        assert.deepEqual(texts(part.compact()), texts(part));
      }
    });
  });

  it("batches hold no more events than asked for, and no step makes more than a bounded piece of work", () => {
    const group: LogGroup = {
      logs: Array.from({ length: 3_000 }, (_, i) => ({ time: 1, contents: [["k", `${i}${"x".repeat(300)}`]] })),
    };
    const batches = [...converter().batches(listOf(group), 250)];
    assert.deepEqual(
      batches.map(({ length }) => length),
      Array.from({ length: 12 }, () => 250),
    );
    for (const { bytes } of [...converter().batches(listOf(group), 1_000_000)])
      assert.ok(bytes < 300_000, String(bytes));
  });

  it("shards that take turns do not disturb each other", () => {
    const group = (name: string): LogGroup => ({
      topic: name,
      logs: Array.from({ length: 9 }, (_, i) => ({
        time: 1,
        contents: [
          ["__topic__", "own"],
          [name, String(i)],
        ],
      })),
    });
    const body: JsonForm = { ...JSON_FORM, groupFields: ALL };
    const events = new LogEvents({ body, useRecordTime: true, headers: NOTHING });
    const sides = ["left", "right"].map((name) => ({
      name,
      steps: events.batches(listOf(group(name)), 2),
      seen: [] as string[],
    }));
    for (let round = 0; round < 5; round++) {
      for (const { steps, seen } of sides)
        seen.push(...[...(steps.next().value ?? [])].map(({ body: one }) => one.toString()));
    }
    for (const { name, seen } of sides) {
      assert.deepEqual(
        seen,
        Array.from({ length: 9 }, (_, i) => `{"${name}":"${i}","__topic__":"${name}"}`),
      );
    }
  });

  it("more keys than are remembered, in one group: those of the group itself are still its own", () => {
    const logs = Array.from({ length: 20_000 }, (_, i) => ({
      time: 1,
      contents: [
        [`key-${i}`, "v"],
        ["__topic__", "the log's"],
        ["same", "v"],
      ] as const,
    }));
    const body: JsonForm = { ...JSON_FORM, groupFields: ALL };
    const seen = bodies(listOf({ topic: "t", logs }), { body });
    assert.deepEqual(
      seen,
      logs.map((_, i) => `{"key-${i}":"v","same":"v","__topic__":"t"}`),
    );
  });

  describe("damage", () => {
    const whole = listOf(
      {
        topic: "topic",
        source: "10.0.0.1",
        tags: [["a", "b"]],
        logs: [
          {
            time: 1_600_000_000,
            timeNs: 5,
            contents: [
              ["k", "v".repeat(200)],
              ["", ""],
            ],
          },
        ],
      },
      {
        logs: [
          { time: 1, contents: [["k", "v"]] },
          { time: 2, contents: [] },
        ],
      },
    );

    it("cut at any byte, a list is refused, or has fewer groups than there were", async () => {
      for (let cut = 0; cut < whole.length; cut++) {
        const rest = Buffer.from(whole.subarray(0, cut));
        const found = await checkLogGroups(rest).catch((error: unknown) => {
          assert.ok(isBroken(error), String(error));
          return 0;
        });
        assert.ok(found < 2, `cut at ${cut}: ${found} groups`);
      }
      assert.equal(await checkLogGroups(whole), 2);
    });

    it("with any bytes changed it is refused or read to its end, and what passes the check can be converted", async () => {
      const change = fc.record({ at: fc.nat(whole.length - 1), byte: fc.integer({ min: 0, max: 255 }) });
      await fc.assert(
        fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 8 }), async (changes) => {
          const bytes = Buffer.from(whole);
          for (const { at, byte } of changes) bytes[at] = byte;
          const passes = await checkLogGroups(bytes).then(
            () => true,
            (error: unknown) => {
              assert.ok(isBroken(error), String(error));
              return false;
            },
          );
          if (passes) bodies(bytes, { headers: ALL });
          else assert.throws(() => bodies(bytes, { headers: ALL }), isBroken);
        }),
        { numRuns: 3_000 },
      );
    });

    it("fields that nobody knows are passed over, of all types; a group of the old kind is damage", () => {
      const log = Buffer.concat([
        Buffer.from([0x08, 0x05]),
        Buffer.from([0x38, 0xff, 0xff, 0x03, 0x39, 1, 2, 3, 4, 5, 6, 7, 8, 0x3a, 2, 0xff, 0xff, 0x3d, 1, 2, 3, 4]),
        Buffer.from([0x12, 6, 0x0a, 1, 0x6b, 0x12, 1, 0x76]),
        // A content whose value comes first, and twice.
        Buffer.from([0x12, 9, 0x12, 1, 0x78, 0x12, 1, 0x79, 0x0a, 1, 0x6c]),
        Buffer.from([0xfa, 0x7f, 1, 0]),
      ]);
      const group = Buffer.concat([Buffer.from([0x0a, log.length]), log, Buffer.from([0x12, 1, 0x63])]);
      assert.deepEqual(bodies(encodeLogGroupList([group])), ['{"k":"v","l":"y"}']);
      for (const bytes of [
        [0x3b],
        [0x3c],
        [0x02, 0x00],
        // The length 0, in twelve bytes.
        [0x0a, ...Array.from({ length: 11 }, () => 0x80), 0],
        [0x3e],
        [0x0a, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01],
      ]) {
        assert.throws(() => bodies(Buffer.from(bytes)), isBroken, bytes.join());
      }
    });
  });

  it("what is written for PutLogs is what an independent reader reads", () => {
    const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array));
    const text = fc.string({ unit: "grapheme", maxLength: 40 });
    const fields = fc.array(fc.tuple(text, bytes), { maxLength: 5 });
    const logs = fc.array(fc.tuple(fc.nat(2 ** 32 - 1), fields), { maxLength: 20 });
    fc.assert(
      fc.property(logs, text, text, fc.array(fc.tuple(text, text), { maxLength: 3 }), (all, topic, source, tags) => {
        const pair = ([name, value]: readonly [string, string | Buffer]) =>
          [Buffer.from(name), Buffer.from(value)] as const;
        const group = writeLogGroup(
          all.map(([time, contents]) => encodeLog(time, contents.map(pair))),
          { topic, source, tags: tags.map(pair) },
        );
        assert.deepEqual(decodeLogGroup(group), {
          topic,
          source,
          machineUuid: undefined,
          tags,
          logs: all.map(([time, contents]) => ({ time, timeNs: undefined, contents })),
        });
      }),
    );
  });
});

const key = fc.oneof(
  fc.constantFrom("a", "b", "c", "__proto__", "1", "日志"),
  fc.string({ unit: "grapheme", maxLength: 5 }),
);
const value = fc.oneof(
  fc.string({ unit: "binary", maxLength: 40 }),
  fc.string({ unit: "grapheme", maxLength: 40 }),
  fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
  fc.jsonValue().map((any) => JSON.stringify(any)),
  fc.jsonValue().map((any) => JSON.stringify(any, null, "\t ")),
  fc.json().chain((text) => fc.nat(text.length).map((at) => text.slice(0, at) + text.slice(at + 1))),
  fc.constantFrom("null", "{}", "[]", "[1.]", "[01]", "[-0]", "[1e5,]", '{"\\u12"}', "[nul]", "{1:2}", '["\t"]'),
);

function expectedJson(contents: readonly [string, string | Buffer][]): string {
  const fields = new Map<string, string>();
  for (const [name, any] of contents) {
    fields.delete(name);
    fields.set(name, expectedValue(Buffer.from(any)));
  }
  return `{${[...fields].map(([name, text]) => `${JSON.stringify(name)}:${text}`).join(",")}}`;
}

function expectedValue(bytes: Buffer): string {
  const text = bytes.toString();
  if (isUtf8(bytes) && /^(\{[^]*\}|\[[^]*\]|null)$/.test(text)) {
    try {
      JSON.parse(text);
      return text.replace(/("(?:[^"\\]|\\.)*")|[ \t\r\n]+/g, "$1");
    } catch {
      // A text, then.
    }
  }
  return JSON.stringify(text);
}
