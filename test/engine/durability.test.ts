import { strict as assert } from "node:assert";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Declaration } from "../../lib/engine/component.js";
import { DURABILITIES, type Durability, durabilityOf, durabilityProperties } from "../../lib/engine/durability.js";
import { readConfig } from "../../lib/engine/properties.js";
import { component as file } from "../../nodes/channels/file/component.js";
import { component as kafka } from "../../nodes/channels/kafka/component.js";
import { component as memory } from "../../nodes/channels/memory/component.js";
import { component as spillable } from "../../nodes/channels/spillable/component.js";
import { declarations, languages } from "../editor/components.js";
import { root } from "../support/machine.js";

const cases: readonly [Declaration, Record<string, unknown>, Durability][] = [
  [memory, {}, "none"],
  [file, {}, "power-loss"],
  [file, { fsyncPerTransaction: false }, "process-crash"],
  // As it comes from an environment variable.
  [file, { fsyncPerTransaction: "false" }, "process-crash"],
  [spillable, {}, "partial"],
  [spillable, { fsyncPerTransaction: false }, "partial"],
  [spillable, { overflowCapacity: 0 }, "none"],
  [spillable, { overflowCapacity: 0, memoryCapacity: 0 }, "none"],
  [spillable, { memoryCapacity: 0 }, "power-loss"],
  [spillable, { memoryCapacity: 0, fsyncPerTransaction: false }, "process-crash"],
  [kafka, {}, "power-loss"],
  [kafka, { acks: "1" }, "process-crash"],
  [kafka, { acks: "0" }, "none"],
];

describe("what a channel promises", () => {
  for (const [component, raw, expected] of cases) {
    it(`${component.type} with ${JSON.stringify(raw)}: ${expected}`, () => {
      const { config } = readConfig(component.properties, raw);
      assert.equal(durabilityOf(component, config), expected);
    });
  }

  it("is told by each channel, hangs on settings that it has, and stands in its help in both languages", async () => {
    for (const declaration of (await declarations()).filter(({ role }) => role === "channel")) {
      const { type, properties } = declaration;
      const promise = durabilityOf(declaration, {});
      assert.ok(promise && DURABILITIES.includes(promise), type);
      for (const name of durabilityProperties(declaration)) assert.ok(name in properties, `${type} has no ${name}`);
      for (const language of languages) {
        const help = readFileSync(join(root, "locales", language, `${type}.md`), "utf8");
        assert.ok(help.includes("<!-- durability -->"), `the help of ${type} in ${language} has no place for it`);
      }
    }
  });
});
