import { strict as assert } from "node:assert";
import { outputMap } from "../../lib/palette/editor/output-map.js";

describe("ports of a list that was edited", () => {
  const two = { rows: 2, deadLetter: false };
  const stays = { deadLetter: false };

  it("stay where nothing was moved", () => {
    assert.deepEqual(outputMap([0, 1], two, stays, 0), { 0: "0", 1: "1" });
  });

  it("move with their rows", () => {
    assert.deepEqual(outputMap([1, 0], two, stays, 0), { 0: "1", 1: "0" });
  });

  it("go with a row that is deleted, and the others close up", () => {
    assert.deepEqual(outputMap([1], two, stays, 0), { 0: "-1", 1: "0" });
  });

  it("come with a new row, between others too", () => {
    assert.deepEqual(outputMap([0, undefined, 1], two, stays, 0), { 0: "0", new1: "1", 1: "2" });
  });

  it("stand behind those that do not come from rows", () => {
    assert.deepEqual(outputMap([1, 0], two, stays, 1), { 0: "0", 1: "2", 2: "1" });
  });

  it("keep the dead-letter port last, whatever the rows do", () => {
    const before = { rows: 2, deadLetter: true };
    assert.deepEqual(outputMap([0, undefined, 1], before, { deadLetter: true }, 0), {
      0: "0",
      new1: "1",
      1: "2",
      2: "3",
    });
    assert.deepEqual(outputMap([0, 1], before, stays, 0), { 0: "0", 1: "1", 2: "-1" });
    assert.deepEqual(outputMap([0, 1], two, { deadLetter: true }, 0), { 0: "0", 1: "1", newDeadLetter: "2" });
  });
});
