import { strict as assert } from "node:assert";
import { batchOf, type EventBatch, repeatedBatch } from "../../lib/engine/batch.js";
import { gathered } from "../../lib/engine/content.js";
import { copyHeaders, createEvent } from "../../lib/engine/event.js";
import { eventContent } from "../../lib/formats/event-content.js";
import { createTextSerializer, type TextSerializerName } from "../../lib/formats/event-serializer.js";
import { nextLoopTurn } from "../../lib/engine/turn.js";
import { textBatch } from "../support/event-batches.js";

const contentOf = (name: TextSerializerName, batch: EventBatch, appendNewline = true) =>
  eventContent(batch, createTextSerializer(name, { appendNewline }));
const written = async (name: TextSerializerName, batch: Parameters<typeof batchOf>[0], appendNewline = true) =>
  (await gathered(contentOf(name, batchOf(batch), appendNewline))).toString();
const event = (body: string, headers: Record<string, string> = {}) =>
  createEvent(Buffer.from(body), copyHeaders(headers));

describe("text serializers", () => {
  it("TEXT: the body and a line feed", async () => {
    assert.equal(await written("TEXT", [event("a", { k: "v" }), event(""), event("grüße")]), "a\n\ngrüße\n");
  });

  it("TEXT without line feeds", async () => {
    assert.equal(await written("TEXT", [event("a"), event("b")], false), "ab");
  });

  it("HEADER_AND_TEXT: headers as Java writes a map", async () => {
    const events = [event("a"), event("b", { k: "v" }), event("", { é: "ü", k2: "€ 1, x=y" })];
    assert.equal(await written("HEADER_AND_TEXT", events), "{} a\n{k=v} b\n{é=ü, k2=€ 1, x=y} \n");
    assert.equal(await written("HEADER_AND_TEXT", events.slice(0, 2), false), "{} a{k=v} b");
  });

  it("HEADER_AND_TEXT writes a header named __proto__ like any other", async () => {
    const headers = copyHeaders();
    headers["__proto__"] = "x";
    assert.equal(await written("HEADER_AND_TEXT", [createEvent(Buffer.from("b"), headers)]), "{__proto__=x} b\n");
  });

  it("hands over few buffers, whatever the sizes, as many bytes as it said", async () => {
    const handedOver = async (batch: EventBatch) => {
      const content = contentOf("TEXT", batch);
      const pieces: string[] = [];
      await content.sendTo(async (piece) => void pieces.push(piece.toString("latin1")));
      const text = pieces.join("");
      assert.equal(content.length, text.length);
      return { text, count: pieces.length };
    };
    const lines = await handedOver(textBatch(...Array.from({ length: 1000 }, (_, i) => `line ${i}`)));
    assert.equal(lines.count, 1);
    const mixed = ["small", "x".repeat(1_000_000), "y".repeat(100_000), "z", "w".repeat(65_536), ""];
    const some = await handedOver(textBatch(...mixed));
    assert.equal(some.text, mixed.map((text) => `${text}\n`).join(""));
    assert.ok(some.count <= 8, String(some.count));
    const many = await handedOver(repeatedBatch(event("0123456789"), 100_000));
    assert.equal(many.text, "0123456789\n".repeat(100_000));
    assert.ok(many.count <= 6, String(many.count));
  });

  it("has three buffers at most, however much there is, and none is written over before its time", async () => {
    const content = contentOf("TEXT", batchOf(Array.from({ length: 300_000 }, (_, i) => event(`event ${i}`))));
    const held = new Set<Buffer>();
    const memories = new Set<unknown>();
    let most = 0;
    let text = "";
    await content.sendTo(async (piece) => {
      held.add(piece);
      memories.add(piece.buffer);
      most = Math.max(most, held.size);
      // As slow as a network: the writer goes on meanwhile.
      await nextLoopTurn();
      text += piece.toString();
      held.delete(piece);
    });
    assert.equal(text, Array.from({ length: 300_000 }, (_, i) => `event ${i}\n`).join(""));
    assert.ok(most <= 3, `${most} buffers under way`);
    assert.ok(memories.size <= 5, `${memories.size} buffers for ${content.length} bytes`);
  });

  it("stops when no more is wanted, and does not use again what may still be on its way", async () => {
    const content = contentOf("TEXT", repeatedBatch(event("x".repeat(99)), 20_000));
    const sent: Buffer[] = [];
    const broken = content.sendTo(async (piece) => {
      sent.push(piece);
      await nextLoopTurn();
      throw new Error("gone");
    });
    await assert.rejects(broken, /gone/);
    assert.ok(sent.length <= 3, `${sent.length} pieces were sent`);
    const before = sent.map((piece) => piece.toString("latin1"));
    await gathered(contentOf("TEXT", repeatedBatch(event("y".repeat(99)), 20_000)));
    assert.deepEqual(
      sent.map((piece) => piece.toString("latin1")),
      before,
    );
    assert.equal((await gathered(content)).toString("latin1"), `${"x".repeat(99)}\n`.repeat(20_000));
  });

  it("does not copy large bodies", async () => {
    const body = Buffer.alloc(200_000);
    const pieces: Buffer[] = [];
    await contentOf("HEADER_AND_TEXT", batchOf([createEvent(body)])).sendTo(async (piece) => void pieces.push(piece));
    assert.ok(pieces.includes(body));
  });

  it("long header texts are written whole", async () => {
    const value = "€".repeat(100_000);
    assert.equal(await written("HEADER_AND_TEXT", [event("b", { a: value }), event("c")]), `{a=${value}} b\n{} c\n`);
  });
});
