// Writes the directories of this version that must open for ever. Run once for each version of the format:
//   node scripts/run.mjs test/channels/file/support/write-golden.ts v2
import { cp, mkdir, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { FlumeEvent } from "../../../../lib/engine/event.js";
import { root } from "../../../support/machine.js";
import { tempDir } from "../../../support/temp-dir.js";
import { takeSome } from "../../support/work.js";
import { openChannel } from "./channels.js";
import { goldenCases, told } from "./golden.js";

async function main(version: string): Promise<void> {
  for (const { name, settings, close, fill } of goldenCases) {
    const folder = await tempDir();
    const { channel } = await openChannel(folder.path, settings);
    await fill(channel);
    if (close) await channel.stop();
    const target = join(root, "test", "channels", "file", "golden", version, name);
    await rm(target, { recursive: true, force: true });
    await mkdir(target, { recursive: true });
    for (const part of ["data", "checkpoint"]) {
      await cp(folder.file(part), join(target, part), {
        recursive: true,
        filter: (path) => !path.endsWith(".lock") && !path.includes("spare-"),
      });
    }
    if (!close) await channel.stop();
    await withoutZeros(join(target, "data"));
    const copy = await tempDir();
    await cp(target, copy.path, { recursive: true });
    const again = await openChannel(copy.path, settings);
    const all: FlumeEvent[] = [];
    const consumer = again.channel.connect({ id: "golden", maxLeases: 1 });
    while (again.channel.size > 0) {
      const take = await takeSome(consumer, 100);
      all.push(...(take?.batch ?? []));
      await take?.commit();
    }
    await again.channel.stop();
    await writeFile(join(target, "expected.json"), `${JSON.stringify(all.map(told), undefined, 2)}\n`);
    await copy.remove();
    await folder.remove();
    console.log(`${name}: ${all.length} events`);
  }
}

/** What is allocated and not used would only make the repository larger. */
async function withoutZeros(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    const bytes = await readFile(join(directory, name));
    let end = bytes.length;
    while (end > 0 && bytes[end - 1] === 0) end--;
    await truncate(join(directory, name), Math.min(bytes.length, Math.max(4096, end + 64)));
  }
}

void main(process.argv[2] ?? "v1");
