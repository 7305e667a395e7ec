import { strict as assert } from "node:assert";
import { randomBytes } from "node:crypto";
import { readdir } from "node:fs/promises";
import * as zlib from "node:zlib";
import { batchOf } from "../../lib/engine/batch.js";
import { createEvent } from "../../lib/engine/event.js";
import { NEVER } from "../../lib/engine/delivery.js";
import type { WebHdfsClient } from "../../lib/protocols/webhdfs/webhdfs-client.js";
import type { HdfsCluster } from "../counterparts/hdfs/cluster.js";
import { component as fileRoll } from "../../nodes/sinks/file-roll/component.js";
import { readConfig } from "../../lib/engine/properties.js";
import { testContext } from "../support/component-context.js";
import { hdfsText } from "../counterparts/hdfs/tools.js";
import { useTempDir } from "../support/temp-dir.js";
import { filesBelow, hdfsClient, hdfsSink, numbered } from "./support/sinks.js";

/** Not in Node.js 20. */
const { zstdDecompressSync } = zlib as { zstdDecompressSync?: typeof zlib.zstdDecompressSync };

interface Kind {
  readonly name: string;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly extension: string;
  /** The line that Hadoop prints for the event with this number. */
  line(number: number): string;
}

const TIME = "1700000000000";
/** Hadoop prints a BytesWritable as hexadecimal. */
const hex = (number: number) => Buffer.from(String(number)).toString("hex").replace(/../g, "$& ").trim();
const asBytes = (number: number) => `${TIME}\t${hex(number)}`;
const asText = (number: number) => `${TIME}\t${number}`;
const asAvro = (number: number) => `{"headers":{"timestamp":"${TIME}"},"body":"${number}"}`;

const CODECS = { gzip: ".gz", bzip2: ".bz2", snappy: ".snappy", lz4: ".lz4", default: ".deflate" } as const;

const kinds: readonly Kind[] = [
  { name: "text", settings: {}, extension: "", line: String },
  {
    name: "headers",
    settings: { serializer: "header_and_text" },
    extension: "",
    line: (number) => `{timestamp=${TIME}} ${number}`,
  },
  { name: "seq", settings: { fileType: "SequenceFile" }, extension: "", line: asBytes },
  { name: "seq-text", settings: { fileType: "SequenceFile", writeFormat: "Text" }, extension: "", line: asText },
  ...Object.entries(CODECS).flatMap(([codeC, extension]): Kind[] => [
    {
      name: `seq-${codeC}`,
      settings: { fileType: "SequenceFile", writeFormat: "Text", codeC },
      extension,
      line: asText,
    },
    { name: codeC, settings: { fileType: "CompressedStream", codeC }, extension, line: String },
  ]),
  { name: "seq-bytes-gzip", settings: { fileType: "SequenceFile", codeC: "gzip" }, extension: ".gz", line: asBytes },
  ...["null", "deflate", "snappy", "bzip2"].map(
    (compressionCodec): Kind => ({
      name: `avro-${compressionCodec}`,
      settings: { serializer: "avro_event", compressionCodec, syncIntervalBytes: 2000, fileSuffix: ".avro" },
      extension: ".avro",
      line: asAvro,
    }),
  ),
];

/** What the sink writes, read by Hadoop's own tools. */
export function formatSuite(cluster: () => HdfsCluster): void {
  describe("files, read by hdfs dfs -text", () => {
    const folder = useTempDir();
    let client: WebHdfsClient;
    before(() => (client = hdfsClient(cluster().urls)));
    after(() => client.close());

    const write = async (name: string, settings: Readonly<Record<string, unknown>>): Promise<string> => {
      const { sink } = hdfsSink(cluster().urls, folder().file(name), { path: `/formats/${name}`, ...settings });
      await sink.start();
      // Two appends: what the second adds must go on where the first has ended.
      await sink.write(numbered(0, 150, { timestamp: TIME }), NEVER);
      await sink.write(numbered(150, 50, { timestamp: TIME }), NEVER);
      await sink.stop();
      const files = await filesBelow(client, `/formats/${name}`);
      assert.equal(files.length, 1, name);
      return files[0] ?? "";
    };

    it("holds every event of every kind of file", async function () {
      this.timeout(300_000);
      const files = await Promise.all(kinds.map(({ name, settings }) => write(name, settings)));
      for (const [i, { name, extension }] of kinds.entries()) {
        assert.match(files[i] ?? "", new RegExp(`/FlumeData\\.\\d+${extension.replace(".", "\\.")}$`), name);
      }
      // One start of Java for all of them: it prints one after the other.
      const printed = (await hdfsText(cluster().fileSystem, ...files)).split("\n").filter((line) => line !== "");
      const expected = kinds.flatMap(({ line }) => Array.from({ length: 200 }, (_, number) => line(number)));
      assert.equal(printed.length, expected.length);
      for (const [i, { name }] of kinds.entries()) {
        assert.deepEqual(printed.slice(i * 200, (i + 1) * 200), expected.slice(i * 200, (i + 1) * 200), name);
      }
    });

    it("holds every event that a file roll sink wrote as Avro", async () => {
      const directory = folder().path;
      const { config } = readConfig(fileRoll.properties, {
        directory,
        serializer: "avro_event",
        compressionCodec: "deflate",
      });
      const sink = fileRoll.create(config, testContext());
      await sink.start();
      await sink.write(numbered(0, 3, { timestamp: TIME }), NEVER);
      await sink.write(numbered(3, 2, { timestamp: TIME }), NEVER);
      await sink.stop();
      const [name = ""] = await readdir(directory);
      const printed = await hdfsText(cluster().fileSystem, `file://${folder().file(name)}`);
      assert.deepEqual(printed.trim().split("\n"), [0, 1, 2, 3, 4].map(asAvro));
    });

    it("holds an event larger than one of bzip2's blocks, in Avro and in a plain stream", async function () {
      this.timeout(240_000);
      const body = randomBytes(600_000).toString("hex");
      const batch = batchOf([createEvent(Buffer.from(body)), createEvent(Buffer.from("end"))]);
      const files: string[] = [];
      for (const [name, settings] of Object.entries({
        avro: { serializer: "avro_event", compressionCodec: "bzip2", fileSuffix: ".avro" },
        stream: { fileType: "CompressedStream", codeC: "bzip2" },
      })) {
        const { sink } = hdfsSink(cluster().urls, folder().file(name), { path: `/formats/large-${name}`, ...settings });
        await sink.start();
        await sink.write(batch, NEVER);
        await sink.stop();
        files.push(...(await filesBelow(client, `/formats/large-${name}`)));
      }
      const printed = (await hdfsText(cluster().fileSystem, ...files)).trim().split("\n");
      const json = (text: string) => `{"headers":{},"body":"${text}"}`;
      assert.deepEqual(
        printed.map((line) => line.length),
        [json(body), json("end"), body, "end"].map((line) => line.length),
      );
      assert.ok(printed[0] === json(body) && printed[2] === body);
    });

    it("holds every event as zstandard", async () => {
      const settings = { fileType: "CompressedStream", codeC: "zstandard" };
      if (typeof zstdDecompressSync !== "function") {
        // Before Node.js 22.15: told at deploy, with what is needed.
        const { sink } = hdfsSink(cluster().urls, folder().path, { path: "/formats/zstandard", ...settings });
        await assert.rejects(sink.start(), { code: "FLUME_CODEC_MISSING", message: /Node\.js 22\.15/ });
        return;
      }
      const file = await write("zstandard", settings);
      assert.match(file, /\.zst$/);
      const printed = await hdfsText(cluster().fileSystem, file);
      assert.deepEqual(
        printed.trim().split("\n"),
        Array.from({ length: 200 }, (_, number) => String(number)),
      );
    });
  });
}
