import assert from "node:assert/strict";
import { ReplyMemory } from "../../lib/protocols/loghub/reply-memory.js";

const MIB = 1024 * 1024;

describe("memory of Log Service's replies", () => {
  it("is used again for what fits, by one at a time, and not for what is far smaller", () => {
    const memory = new ReplyMemory();
    const first = memory.take(9 * MIB + 5);
    memory.give(memory.take(10 * MIB));
    assert.equal(first.length, 9 * MIB + 5);
    memory.give(first);
    const small = memory.take(2 * MIB);
    assert.notEqual(small.buffer, first.buffer);
    const again = memory.take(9 * MIB);
    assert.deepEqual([again.length, again.buffer === first.buffer], [9 * MIB, true]);
    assert.notEqual(memory.take(9 * MIB).buffer, first.buffer);
    const tiny = memory.take(100);
    memory.give(tiny);
    assert.notEqual(memory.take(100).buffer, tiny.buffer);
  });

  it("in use and kept is never more than was in use at one time, whatever sizes follow", () => {
    const memory = new ReplyMemory();
    const made = new Set<ArrayBufferLike>();
    const take = (count: number, length: number): Buffer[] =>
      Array.from({ length: count }, () => {
        const taken = memory.take(length);
        made.add(taken.buffer);
        return taken;
      });
    for (const one of take(6, 10 * MIB)) memory.give(one);
    assert.equal(made.size, 6);
    for (const one of take(6, 10 * MIB)) memory.give(one);
    assert.equal(made.size, 6, "as many as before: nothing is made anew");
    const small = take(12, 3 * MIB);
    assert.equal(made.size, 18);
    assert.ok(small.every(({ buffer }) => buffer.byteLength < 3.1 * MIB));
    // 36 MB are in use, so that of the 60 MB before 2 pieces of 10 MB may be left.
    take(6, 10 * MIB);
    assert.equal(made.size, 22);
  });

  it("goes when it has not been used for ten seconds, at the next reply that brings nothing", () => {
    let now = 0;
    const memory = new ReplyMemory(() => now);
    const [one, other] = [memory.take(10 * MIB), memory.take(10 * MIB)];
    /** Uses it. */
    const isKept = ({ buffer }: Buffer): boolean => {
      const taken = memory.take(10 * MIB);
      memory.give(taken);
      return taken.buffer === buffer;
    };
    memory.give(one);
    now = 5_000;
    memory.give(other);
    now = 10_001;
    memory.idle();
    assert.ok(isKept(other));
    now = 20_001;
    memory.idle();
    assert.ok(isKept(other), "used ten seconds ago");
    now = 30_002;
    memory.idle();
    assert.ok(!isKept(other));
  });
});
