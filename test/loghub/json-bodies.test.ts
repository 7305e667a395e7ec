import assert from "node:assert/strict";
import { isUtf8 } from "node:buffer";
import fc from "fast-check";
import type { JsonForm } from "../../lib/formats/log-groups/json-body.js";
import type { LogGroup } from "./emulator/log-groups.js";
import { ALL, bodies, JSON_FORM, json, listOf, one } from "./support/conversion.js";

describe("LogGroups as JSON bodies", () => {
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
