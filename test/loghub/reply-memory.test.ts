import assert from "node:assert/strict";
import { ReplyMemory } from "../../lib/protocols/loghub/reply-memory.js";

const MIB = 1024 * 1024;

describe("memory of Log Service's replies", () => {
  it("is used again for what fits, by one at a time, and not for what is far smaller", () => {
    const memory = new ReplyMemory();
    const first = memory.take(9 * MIB + 5);
    assert.equal(first.length, 9 * MIB + 5);
    memory.give(first);
    const small = memory.take(2 * MIB);
    assert.notEqual(small.buffer, first.buffer);
    const again = memory.take(10 * MIB);
    assert.deepEqual([again.length, again.buffer === first.buffer], [10 * MIB, true]);
    assert.notEqual(memory.take(10 * MIB).buffer, first.buffer);
    const tiny = memory.take(100);
    memory.give(tiny);
    assert.notEqual(memory.take(100).buffer, tiny.buffer);
  });

  it("keeps no more than a few replies, and less and less when nothing comes", () => {
    const memory = new ReplyMemory();
    const taken = Array.from({ length: 5 }, () => memory.take(10 * MIB));
    for (const one of taken) memory.give(one);
    memory.give(memory.take(40 * MIB));
    const kept = () =>
      Array.from({ length: 5 }, () => memory.take(10 * MIB)).filter(({ buffer }) =>
        taken.some((one) => one.buffer === buffer),
      );
    const held = kept();
    assert.equal(held.length, 3);
    for (const one of held) memory.give(one);
    memory.idle();
    memory.idle();
    assert.equal(kept().length, 1);
  });
});
