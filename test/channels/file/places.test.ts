import { strict as assert } from "node:assert";
import { relative } from "node:path";
import type { ChannelComponent } from "../../../lib/engine/component.js";
import { readConfig } from "../../../lib/engine/properties.js";
import { component as file } from "../../../nodes/channels/file/component.js";
import { component as spillable } from "../../../nodes/channels/spillable/component.js";
import { testContext } from "../../support/component-context.js";
import { useTempDir } from "../../support/temp-dir.js";
import { drain, events, put, range } from "../support/work.js";

describe("directories of a file channel", () => {
  const dir = useTempDir();
  const channelWith = (component: ChannelComponent, settings: Record<string, unknown>) => {
    const raw = { minimumRequiredSpace: 1_048_576, memoryCapacity: 0, ...settings };
    const { config, problems } = readConfig(component.properties, raw, component.limits);
    assert.deepEqual(problems, []);
    return component.create(config, testContext("places", dir().path));
  };

  it("one directory that is written in several ways is one", async () => {
    const folder = dir().file("all");
    const settings = {
      dataDirs: folder,
      checkpointDir: `${folder}/`,
      useDualCheckpoints: true,
      backupCheckpointDir: `${dir().path}/./copy`,
    };
    const first = channelWith(file, settings);
    await first.start();
    await put(first, events(0, 5));
    await first.stop();
    const again = channelWith(file, { ...settings, checkpointDir: relative(process.cwd(), folder) });
    await again.start();
    assert.deepEqual(await drain(again), range(0, 5));
    await again.stop();
  });

  for (const component of [file, spillable] as unknown as ChannelComponent[]) {
    it(`a copy of the checkpoint is not kept where the checkpoint is: ${component.type}`, async () => {
      const places = dir().file("checkpoint");
      const clashes = [
        { checkpointDir: dir().file("one"), backupCheckpointDir: `${dir().path}/other/../one/` },
        // That of the node's own folder.
        { checkpointDir: "", backupCheckpointDir: places },
      ];
      for (const clash of clashes) {
        const channel = channelWith(component, { ...clash, useDualCheckpoints: true });
        await assert.rejects(channel.start(), {
          code: "FLUME_CONFIG_SAME_DIRECTORY",
          parameters: {
            field: "backupCheckpointDir",
            value: clash.checkpointDir || places,
            other: "checkpointDir",
          },
        });
        await channel.stop();
        const without = channelWith(component, { ...clash, useDualCheckpoints: false });
        await without.start();
        await without.stop();
      }
    });
  }
});
