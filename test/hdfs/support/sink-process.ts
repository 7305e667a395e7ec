// An HDFS sink under load in a process of its own, to be killed.
//   node sink-process.js STORAGE PATH ACKNOWLEDGED URL …
// ACKNOWLEDGED: a file with the first event of each batch that need not be written any more, one in a line. Prints the
// first event of each batch that HDFS has from now on, as a channel would note it.
import { readFileSync } from "node:fs";
import { BATCH, load } from "./load.js";
import { hdfsSink } from "./sinks.js";

const [storage = "", path = "", acknowledged = "", ...urls] = process.argv.slice(2);

async function main(): Promise<void> {
  const done = new Set(readFileSync(acknowledged, "utf8").split("\n").filter(Boolean).map(Number));
  const { sink } = hdfsSink(urls, storage, { path, rollCount: 350, parallelFiles: 2 });
  await sink.start();
  const batches = (function* () {
    for (let first = 0; ; first += BATCH) if (!done.has(first)) yield first;
  })();
  load(sink, { batches, accepted: (first) => void process.stdout.write(`${first}\n`) });
}

void main();
