import { strict as assert } from "node:assert";
import { NEVER } from "../../../lib/engine/delivery.js";
import { type FileSystem, realFileSystem } from "../../../nodes/channels/file/file-system.js";
import { Gate } from "../../support/gate.js";
import { useTempDir } from "../../support/temp-dir.js";
import { drain, events, put, range, reported } from "../support/work.js";
import { withFiles } from "./support/altered-files.js";
import { ALL, openChannel } from "./support/channels.js";
import { failure, lockFreely, onDisk, SimulatedDisk } from "./support/simulated-disk.js";

describe("file channel whose files fail, or are slow, at an awkward moment", function () {
  this.timeout(120_000);
  const dir = useTempDir();

  it("a file that cannot be closed keeps nobody from opening the directory again", async () => {
    const folder = dir().file("closing");
    let failing = false;
    const disk = withFiles(realFileSystem, (file) => ({
      close: async () => {
        await file.close();
        if (failing) throw failure("EIO", "close");
      },
    }));
    const { channel } = await openChannel(folder, {}, { fileSystem: disk });
    await put(channel, events(0, 10));
    failing = true;
    await channel.stop().catch(() => undefined);
    failing = false;
    await channel.start();
    assert.deepEqual(await drain(channel), range(0, 10));
    await channel.stop();
  });

  it("a read that is under way when it stops leaves no file open", async () => {
    const folder = dir().file("reading");
    const first = await openChannel(folder);
    await put(first.channel, events(0, 10));
    await first.channel.stop();
    let open = 0;
    let holding = false;
    const gate = new Gate();
    const asked = new Gate();
    const counted = withFiles(realFileSystem, (file) => {
      open++;
      return {
        close: async () => {
          open--;
          await file.close();
        },
      };
    });
    let late: Promise<unknown> = Promise.resolve();
    const disk: FileSystem = {
      ...counted,
      open: async (path, how) => {
        if (holding && how === "read") {
          asked.open();
          await gate.opened;
        }
        const opening = counted.open(path, how);
        if (holding) late = opening;
        return opening;
      },
    };
    const { channel } = await openChannel(folder, { checkpointOnClose: false }, { fileSystem: disk });
    holding = true;
    const consumer = channel.connect({ id: "slow", maxLeases: 1 });
    const taking = consumer.take(ALL, NEVER);
    await asked.opened;
    const stopping = channel.stop();
    gate.open();
    await stopping;
    await late;
    assert.equal(await taking, undefined);
    assert.equal(open, 0, "files left open");
  });

  it("takes go on for as long as the disk fails, however many they are, and are written down when it works again", async () => {
    const disk = new SimulatedDisk();
    const quiet = { fileSystem: disk, lock: lockFreely };
    const { channel, context } = await openChannel(onDisk(), { minimumFree: 0 }, quiet);
    const total = 140_000;
    for (let first = 0; first < total; first += 10_000) await put(channel, events(first, 10_000));
    disk.fault = (call, path) => {
      // What does not fit into memory is still read, by whatever file it stands in.
      if (call !== "open" && call !== "read") throw failure("EIO", path);
    };
    const together = 1000;
    const consumer = channel.connect({ id: "one by one", maxLeases: together });
    for (let taken = 0; taken < total; taken += together) {
      const takes = await Promise.all(range(0, together).map(() => consumer.take({ ...ALL, events: 1 }, NEVER)));
      await Promise.all(takes.map(async (take) => take?.commit()));
    }
    assert.equal(channel.size, 0);
    disk.fault = undefined;
    await put(channel, events(total, 1)).catch(() => undefined);
    await channel.stop();
    assert.ok(reported(context).includes("FLUME_FILE_CHANNEL_WRITE_FAILED"));
    const { channel: next } = await openChannel(onDisk(), {}, { fileSystem: disk.kill(), lock: lockFreely });
    for (const number of await drain(next)) assert.ok(number >= total, `again: ${number}`);
    await next.stop();
  });
});
