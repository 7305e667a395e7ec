import { strict as assert } from "node:assert";
import { cp, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { FlumeEvent } from "../../../lib/engine/event.js";
import { root } from "../../support/machine.js";
import { useTempDir } from "../../support/temp-dir.js";
import { takeSome } from "../support/work.js";
import { openChannel } from "./support/channels.js";
import { goldenCases, told } from "./support/golden.js";

const GOLDEN = join(root, "test", "channels", "file", "golden");

describe("file channel directories of every version", () => {
  const dir = useTempDir();

  it("open, and give what was put into them", async () => {
    const versions = await readdir(GOLDEN);
    assert.ok(versions.includes("v1"));
    for (const version of versions) {
      for (const { name, settings } of goldenCases) {
        const source = join(GOLDEN, version, name);
        const folder = dir().file(version, name);
        await cp(source, folder, { recursive: true });
        const { channel } = await openChannel(folder, settings);
        assert.deepEqual(channel.damage, [], `${version} ${name}`);
        const all: FlumeEvent[] = [];
        const consumer = channel.connect({ id: "golden", maxLeases: 1 });
        while (channel.size > 0) {
          const take = await takeSome(consumer, 100);
          assert.ok(take, `${version} ${name}`);
          all.push(...take.batch);
          await take.commit();
        }
        await channel.stop();
        const expected: unknown = JSON.parse(await readFile(join(source, "expected.json"), "utf8"));
        assert.deepEqual(all.map(told), expected, `${version} ${name}`);
      }
    }
  });
});
