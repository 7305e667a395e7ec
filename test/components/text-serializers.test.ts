import { strict as assert } from "node:assert";
import { batchOf, repeatedBatch } from "../../lib/engine/batch.js";
import { copyHeaders, createEvent } from "../../lib/engine/event.js";
import { createTextSerializer, type TextSerializerName } from "../../lib/formats/event-serializer.js";
import { textBatch } from "../support/event-batches.js";

const written = (name: TextSerializerName, batch: Parameters<typeof batchOf>[0], appendNewline = true) =>
  Buffer.concat(createTextSerializer(name, { appendNewline }).serialize(batchOf(batch))).toString();
const event = (body: string, headers: Record<string, string> = {}) =>
  createEvent(Buffer.from(body), copyHeaders(headers));

describe("text serializers", () => {
  it("TEXT: the body and a line feed", () => {
    assert.equal(written("TEXT", [event("a", { k: "v" }), event(""), event("grüße")]), "a\n\ngrüße\n");
  });

  it("TEXT without line feeds", () => {
    assert.equal(written("TEXT", [event("a"), event("b")], false), "ab");
  });

  it("HEADER_AND_TEXT: headers as Java writes a map", () => {
    const events = [event("a"), event("b", { k: "v" }), event("", { é: "ü", k2: "€ 1, x=y" })];
    assert.equal(written("HEADER_AND_TEXT", events), "{} a\n{k=v} b\n{é=ü, k2=€ 1, x=y} \n");
    assert.equal(written("HEADER_AND_TEXT", events.slice(0, 2), false), "{} a{k=v} b");
  });

  it("HEADER_AND_TEXT writes a header named __proto__ like any other", () => {
    const headers = copyHeaders();
    headers["__proto__"] = "x";
    assert.equal(written("HEADER_AND_TEXT", [createEvent(Buffer.from("b"), headers)]), "{__proto__=x} b\n");
  });

  it("gives a batch in few buffers, whatever the sizes", () => {
    const { serialize } = createTextSerializer("TEXT", { appendNewline: true });
    assert.equal(serialize(textBatch(...Array.from({ length: 1000 }, (_, i) => `line ${i}`))).length, 1);
    const mixed = ["small", "x".repeat(1_000_000), "y".repeat(100_000), "z", "w".repeat(65_536), ""];
    const chunks = serialize(textBatch(...mixed));
    assert.equal(Buffer.concat(chunks).toString(), mixed.map((text) => `${text}\n`).join(""));
    assert.ok(chunks.length <= 8, String(chunks.length));
    const many = serialize(repeatedBatch(event("0123456789"), 100_000));
    assert.equal(Buffer.concat(many).toString(), "0123456789\n".repeat(100_000));
    assert.ok(many.length <= 6, String(many.length));
  });

  it("does not copy large bodies", () => {
    const body = Buffer.alloc(200_000);
    const { serialize } = createTextSerializer("HEADER_AND_TEXT", { appendNewline: true });
    assert.ok(serialize(batchOf([createEvent(body)])).includes(body));
  });

  it("long header texts are written whole", () => {
    const value = "€".repeat(100_000);
    assert.equal(written("HEADER_AND_TEXT", [event("b", { a: value }), event("c")]), `{a=${value}} b\n{} c\n`);
  });
});
