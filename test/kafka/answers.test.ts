import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import net, { type AddressInfo, type Socket } from "node:net";
import fc from "fast-check";
import { SpareMemory } from "../../lib/protocols/kafka/kafkajs/spare-memory.js";
import { WholeAnswers } from "../../lib/protocols/kafka/kafkajs/whole-answers.js";
import { eventually } from "../support/eventually.js";

const MIB = 1024 * 1024;

const framed = (payload: Buffer): Buffer => {
  const prefix = Buffer.alloc(4);
  prefix.writeUInt32BE(payload.length);
  return Buffer.concat([prefix, payload]);
};

/** What a socket does with `onread`: asks for room, fills some of it, tells how much. */
function feed(answers: WholeAnswers, bytes: Buffer, pieces: readonly number[]): void {
  const { buffer, callback } = answers.onread;
  assert.ok(typeof buffer === "function");
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const room = buffer();
    const length = Math.min(pieces[i % pieces.length] ?? 1, room.length, bytes.length - at);
    room.set(bytes.subarray(at, at + length));
    at += length;
    callback(length, room);
  }
}

describe("Kafka: answers of a broker", () => {
  it("come whole, each in its own memory, however the network cuts them", () => {
    const sizes = fc.array(fc.oneof(fc.nat(20), fc.nat(5_000), fc.integer({ min: 60_000, max: 300_000 })), {
      minLength: 1,
      maxLength: 6,
    });
    const pieces = fc.array(fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1_000, max: 200_000 })), {
      minLength: 1,
      maxLength: 5,
    });
    fc.assert(
      fc.property(sizes, pieces, (lengths, cuts) => {
        const sent = lengths.map((length) => framed(randomBytes(length)));
        const got: Buffer[] = [];
        // Small cuts of large answers are many calls and prove nothing more.
        const least = lengths.some((length) => length > 20_000) ? 4_000 : 1;
        feed(
          new WholeAnswers((answer) => got.push(answer)),
          Buffer.concat(sent),
          cuts.map((cut) => Math.max(cut, least)),
        );
        assert.equal(got.length, sent.length);
        for (const [i, answer] of got.entries()) assert.ok(sent[i]?.equals(answer), `answer ${i}`);
      }),
      { numRuns: 200 },
    );
  });

  it("take memory as they come, where a server says that gigabytes will", () => {
    const answers = new WholeAnswers(() => assert.fail("it never ends"));
    const before = process.memoryUsage().arrayBuffers;
    // What a web server says to whoever speaks Kafka's protocol is a length of 1.2 GB.
    feed(answers, Buffer.from(`HTTP/1.1 400 Bad Request\r\n${"x".repeat(100_000)}`), [65_536]);
    assert.ok(process.memoryUsage().arrayBuffers - before < 40 * MIB);
    const long: Buffer[] = [];
    const payload = framed(randomBytes(40 * MIB));
    feed(new WholeAnswers((answer) => long.push(answer)), payload, [10 * MIB]);
    assert.ok(long[0]?.equals(payload));
  });

  it("reach the listeners of a real socket one by one", async () => {
    const sent = [0, 1, 70_000, 3, MIB, 12].map((length) => framed(randomBytes(length)));
    const server = net.createServer((socket) => socket.end(Buffer.concat(sent)));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const got: Buffer[] = [];
    let socket: Socket | undefined;
    try {
      const { onread } = new WholeAnswers((answer) => socket?.emit("data", answer));
      const { port } = server.address() as AddressInfo;
      socket = net.connect({ host: "127.0.0.1", port, onread });
      socket.on("data", (answer) => got.push(answer));
      const ended = once(socket, "end");
      await eventually(() => got.length === sent.length, { what: "all answers" });
      await ended;
    } finally {
      socket?.destroy();
      server.close();
    }
    assert.deepEqual(
      got.map((answer, i) => sent[i]?.equals(answer)),
      sent.map(() => true),
    );
  });
});

describe("Kafka: memory of batches", () => {
  it("is used again, and only so much of it is kept", () => {
    const spare = new SpareMemory();
    assert.equal(spare.take(), undefined);
    const some = Array.from({ length: 20 }, () => Buffer.alloc(MIB));
    for (const memory of some) spare.keep(memory);
    let kept = 0;
    for (let memory = spare.take(); memory; memory = spare.take()) {
      assert.ok(some.some((one) => one === memory));
      kept += memory.length;
    }
    assert.equal(kept, 8 * MIB);
    const another = Buffer.alloc(MIB);
    spare.keep(another);
    assert.equal(spare.take(), another);
  });
});
