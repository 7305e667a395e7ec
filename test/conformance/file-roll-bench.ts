import { mkdir, readdir, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { component } from "../../nodes/sinks/file-roll/component.js";
import { tempDir } from "../support/temp-dir.js";
import { sinkBench } from "./make-subjects.js";
import type { SinkBench } from "./sink-behaviours.js";

/** Its far side is a folder; it breaks down when the folder is moved away and a new file is due. */
export async function fileRollBench(): Promise<SinkBench> {
  const folder = await tempDir();
  const [directory, away] = [folder.file("out"), folder.file("away")];
  await mkdir(directory);
  const bench = sinkBench(component, { directory, pathManager: "ROLLTIME" });
  return {
    ...bench,
    async written() {
      const names = (await readdir(directory)).sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
      const texts = await Promise.all(names.map((name) => readFile(join(directory, name), "utf8")));
      const lines = texts.join("").split("\n");
      return lines.slice(0, -1);
    },
    async breakDown() {
      // Ends the open file, as a roll does.
      await bench.sink.stop();
      await bench.sink.start();
      await rename(directory, away);
    },
    repair: () => rename(away, directory),
    async end() {
      await bench.sink.stop();
      await folder.remove();
    },
  };
}
