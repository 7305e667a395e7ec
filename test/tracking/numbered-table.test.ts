import { strict as assert } from "node:assert";
import { NumberedTable } from "../../lib/palette/runtime/tracking/numbered-table.js";

describe("a table by rising numbers", () => {
  const add = (table: NumberedTable<{ readonly number: number }>) => {
    const thing = { number: table.nextNumber() };
    table.add(thing);
    return thing;
  };

  it("finds each thing by its number, however many come and go beside those that stay", () => {
    const table = new NumberedTable<{ readonly number: number }>();
    const staying = Array.from({ length: 10 }, () => add(table));
    let last = staying.at(-1)?.number ?? 0;
    for (let i = 0; i < 10_000; i++) {
      const passing = add(table);
      assert.ok(passing.number > last, "a number was given out again");
      last = passing.number;
      assert.equal(table.get(passing.number), passing);
      assert.ok(table.delete(passing));
      assert.equal(table.get(passing.number), undefined);
    }
    for (const thing of staying) assert.equal(table.get(thing.number), thing);
    assert.equal(table.size, staying.length);
  });

  it("grows with what is in it, and loses nothing", () => {
    const table = new NumberedTable<{ readonly number: number }>();
    const things = Array.from({ length: 5000 }, () => add(table));
    for (const thing of things) assert.equal(table.get(thing.number), thing);
    assert.deepEqual(new Set(table.all()), new Set(things));
    for (const thing of things) assert.ok(table.delete(thing));
    assert.equal(table.size, 0);
  });

  it("takes the number of one that is gone for nobody's, also where another has its place", () => {
    const table = new NumberedTable<{ readonly number: number }>();
    const first = add(table);
    table.delete(first);
    for (let i = 0; i < 200; i++) add(table);
    assert.equal(table.get(first.number), undefined);
    assert.equal(table.delete(first), false);
    assert.equal(table.size, 200);
  });
});
