import { strict as assert } from "node:assert";
import { blockingWork } from "../../lib/engine/blocking-work.js";
import { Gate } from "../support/gate.js";

describe("blocking work", () => {
  it("is done by at most two at once in the whole process, first come, first served", async () => {
    const gates = Array.from({ length: 5 }, () => new Gate());
    const begun: number[] = [];
    const works = gates.map((gate, i) =>
      blockingWork(async () => {
        begun.push(i);
        await gate.opened;
        return i;
      }),
    );
    await new Promise(setImmediate);
    assert.deepEqual(begun, [0, 1]);
    gates[1]?.open();
    await works[1];
    await new Promise(setImmediate);
    assert.deepEqual(begun, [0, 1, 2]);
    for (const gate of gates) gate.open();
    assert.deepEqual(await Promise.all(works), [0, 1, 2, 3, 4]);
  });

  it("goes on after work that fails", async () => {
    const failing = Array.from({ length: 4 }, () => blockingWork(() => Promise.reject(new Error("failed"))));
    assert.ok((await Promise.allSettled(failing)).every(({ status }) => status === "rejected"));
    assert.equal(await blockingWork(async () => "done"), "done");
  });
});
