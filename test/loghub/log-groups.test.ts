import assert from "node:assert/strict";
import fc from "fast-check";
import type { EventBatch } from "../../lib/engine/batch.js";
import { checkLogGroups } from "../../lib/formats/log-groups/check-log-groups.js";
import type { JsonForm } from "../../lib/formats/log-groups/json-body.js";
import { type LogEventForm, LogEvents } from "../../lib/formats/log-groups/log-events.js";
import { encodeLog, encodeLogGroup as writeLogGroup } from "../../lib/formats/log-groups/log-group-writer.js";
import { decodeLogGroup, encodeLogGroupList, type LogGroup } from "./emulator/log-groups.js";
import { ALL, bodies, converter, isBroken, JSON_FORM, listOf, NOTHING, NOW } from "./support/conversion.js";

describe("LogGroups as events", () => {
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
