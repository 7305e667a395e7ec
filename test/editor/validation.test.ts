import { strict as assert } from "node:assert";
import type { Declaration } from "../../lib/engine/component.js";
import { problemsOf, type Values } from "../../lib/palette/editor/validation.js";
import { component as file } from "../../nodes/channels/file/component.js";
import { component as memory } from "../../nodes/channels/memory/component.js";
import { component as spillable } from "../../nodes/channels/spillable/component.js";

describe("what a dialog says of values that do not go together", () => {
  const said = (declaration: Declaration, name: string, values: Values) =>
    problemsOf(declaration, name, values, (path) => path).map(({ code, parameters }) => ({ code, ...parameters }));

  it("a transaction larger than the channel", () => {
    const above = { code: "FLUME_CONFIG_ABOVE", field: "transactionCapacity.label", other: "capacity.label" };
    const of = (values: Values) => said(memory, "transactionCapacity", values);
    assert.deepEqual(of({ capacity: "10", transactionCapacity: "11" }), [{ ...above, value: 11, limit: 10 }]);
    assert.deepEqual(of({ capacity: "10", transactionCapacity: "" }), [{ ...above, value: 100, limit: 10 }]);
    assert.deepEqual(of({ capacity: "10", transactionCapacity: "10" }), []);
    assert.deepEqual(of({ capacity: "${CAPACITY}", transactionCapacity: "11" }), []);
  });

  it("a spillable channel with room neither in memory nor on the disk, once", () => {
    const of = (memoryCapacity: unknown, overflowCapacity: unknown) =>
      ["memoryCapacity", "overflowCapacity"].flatMap((name) =>
        said(spillable, name, { memoryCapacity, overflowCapacity }),
      );
    const noRoom = { code: "FLUME_CONFIG_NO_ROOM", field: "memoryCapacity.label", other: "overflowCapacity.label" };
    assert.deepEqual(of("0", 0), [{ ...noRoom, value: 0 }]);
    for (const [inMemory, onDisk] of [
      ["0", "1"],
      ["1", "0"],
      ["0", ""],
      ["", "0"],
      ["0", "${ROOM}"],
    ]) {
      assert.deepEqual(of(inMemory, onDisk), [], `${inMemory}, ${onDisk}`);
    }
  });

  it("a copy of the checkpoint where the checkpoint is", () => {
    for (const declaration of [file, spillable] as Declaration[]) {
      const of = (checkpointDir: string, backupCheckpointDir: string, useDualCheckpoints = true) =>
        said(declaration, "backupCheckpointDir", { checkpointDir, backupCheckpointDir, useDualCheckpoints });
      const same = { code: "FLUME_CONFIG_SAME_DIRECTORY", field: "backupCheckpointDir.label", value: "/disk/a" };
      assert.deepEqual(of("/disk/a/", "/disk/a"), [{ ...same, other: "checkpointDir.label" }]);
      assert.deepEqual(of("/disk/a", "/disk/b"), []);
      assert.deepEqual(of("", ""), []);
      assert.deepEqual(of("/disk/a", "/disk/a", false), [], "there is no copy");
    }
  });
});
