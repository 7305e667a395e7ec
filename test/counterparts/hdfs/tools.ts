import { execFile } from "node:child_process";
import path from "node:path";
import { promisify } from "node:util";
import { root } from "../../support/machine";
import { fetchHdfs } from "./fetch";

const run = promisify(execFile);
const conf = path.join(root, "test", "counterparts", "hdfs", "conf");

/** What `hdfs dfs -text` prints of these files, one after the other: it reads sequence files, Avro and every codec of Hadoop. */
export async function hdfsText(fileSystem: string, ...paths: readonly string[]): Promise<string> {
  const { jars } = await fetchHdfs();
  const { stdout } = await run(
    "java",
    [
      "-Xmx256m",
      "-Dorg.slf4j.simpleLogger.defaultLogLevel=error",
      ...["-cp", [conf, path.join(jars, "*")].join(path.delimiter)],
      "org.apache.hadoop.fs.FsShell",
      ...["-D", `fs.defaultFS=${fileSystem}`],
      // In place of Hadoop's own, which wants a native library.
      ...["-D", "io.compression.codecs=io.airlift.compress.zstd.ZstdCodec"],
      ...["-text", ...paths],
    ],
    { maxBuffer: 64 * 1024 * 1024 },
  );
  return stdout;
}
