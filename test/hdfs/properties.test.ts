import { strict as assert } from "node:assert";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { isShown, type Properties, type Property, readConfig } from "../../lib/engine/properties.js";
import { isHeadraceError } from "../../lib/engine/errors.js";
import { optionalPackage } from "../../lib/formats/hadoop-codecs.js";
import { component as cluster } from "../../nodes/config/hdfs-cluster/component.js";
import { component as fileRoll } from "../../nodes/sinks/file-roll/component.js";
import { component as sink } from "../../nodes/sinks/hdfs/component.js";
import { root } from "../support/machine.js";

/** Flume 1.11's user guide, "HDFS Sink", with its defaults; undefined where there is none, or where it is the machine's. */
const FLUME: Readonly<Record<string, unknown>> = {
  "hdfs.path": undefined,
  "hdfs.filePrefix": "FlumeData",
  "hdfs.fileSuffix": undefined,
  "hdfs.inUsePrefix": undefined,
  "hdfs.inUseSuffix": ".tmp",
  "hdfs.emptyInUseSuffix": false,
  "hdfs.rollInterval": 30,
  "hdfs.rollSize": 1024,
  "hdfs.rollCount": 10,
  "hdfs.idleTimeout": 0,
  "hdfs.batchSize": 100,
  "hdfs.codeC": undefined,
  "hdfs.fileType": "SequenceFile",
  "hdfs.maxOpenFiles": 5000,
  "hdfs.minBlockReplicas": undefined,
  "hdfs.writeFormat": "Writable",
  "hdfs.threadsPoolSize": 10,
  "hdfs.rollTimerPoolSize": 1,
  "hdfs.kerberosPrincipal": undefined,
  "hdfs.kerberosKeytab": undefined,
  "hdfs.proxyUser": undefined,
  "hdfs.round": false,
  "hdfs.roundValue": 1,
  "hdfs.roundUnit": "second",
  "hdfs.timeZone": undefined,
  "hdfs.useLocalTimeStamp": false,
  "hdfs.closeTries": 0,
  "hdfs.retryInterval": 180,
  "hdfs.callTimeout": 30_000,
  "hdfs.useRawLocalFileSystem": false,
  serializer: "TEXT",
  "serializer.appendNewline": true,
  "serializer.compressionCodec": "null",
  "serializer.syncIntervalBytes": 2_048_000,
};

/** Those without an equal; the help says why. */
const WITHOUT_EQUAL = ["hdfs.minBlockReplicas", "hdfs.rollTimerPoolSize", "hdfs.useRawLocalFileSystem"];

const declared = new Map<string, Property>(
  [sink, cluster].flatMap(({ properties }) =>
    Object.values(properties as Readonly<Record<string, Property>>).flatMap((property) =>
      property.flumeKey === undefined ? [] : [[property.flumeKey, property] as const],
    ),
  ),
);

describe("properties of Flume's HDFS sink", () => {
  it("are all there, except for those that the help names with the reason, in both languages", () => {
    const missing = Object.keys(FLUME).filter((key) => !declared.has(key));
    assert.deepEqual(missing, WITHOUT_EQUAL);
    for (const language of ["en-US", "zh-CN"]) {
      const help = readFileSync(join(root, "locales", language, "flume-hdfs-sink.md"), "utf8");
      for (const key of WITHOUT_EQUAL) assert.ok(help.includes(`\`${key}\``), `${key} in the help, ${language}`);
    }
  });

  it("name a codec that is not there, or not installed, and what would be", async () => {
    const { problems } = readConfig(sink.properties, {
      ...{ cluster: "c", path: "/a", fileType: "CompressedStream" },
      codeC: "lzo",
    });
    assert.deepEqual(
      problems.map(({ code }) => code),
      ["FLUME_CONFIG_NOT_A_CHOICE"],
    );
    assert.match(problems[0]?.message ?? "", /hdfs\.codeC.*lzo.*gzip, bzip2, zstandard, snappy, lz4/s);
    await assert.rejects(optionalPackage("headrace-no-such-package", "snappy"), (error) => {
      assert.ok(isHeadraceError(error) && error.code === "FLUME_CODEC_MISSING");
      assert.match(error.message, /snappy.*headrace-no-such-package/s);
      return true;
    });
  });

  it("take Flume's and Hadoop's class names as well, as people have them", () => {
    const compress = "org.apache.hadoop.io.compress.";
    const flume = "org.apache.flume.";
    const read = (values: Readonly<Record<string, unknown>>) => {
      const { config, problems } = readConfig(sink.properties, { cluster: "c", path: "/a", ...values });
      assert.deepEqual(problems, []);
      return config;
    };
    const codecs = {
      gzip: [`${compress}GzipCodec`, "GzipCodec", "gzipcodec", "GZIP"],
      bzip2: [`${compress}BZip2Codec`, "BZip2Codec", "BZip2"],
      zstandard: [`${compress}ZStandardCodec`, "ZStandard"],
      snappy: [`${compress}SnappyCodec`, "Snappy"],
      lz4: [`${compress}Lz4Codec`, "Lz4Codec"],
      default: [`${compress}DefaultCodec`, "DeflateCodec", "deflate", `${compress}DeflateCodec`],
    };
    for (const [codeC, names] of Object.entries(codecs)) {
      for (const name of names) assert.equal(read({ fileType: "compressedstream", codeC: name }).codeC, codeC, name);
    }
    const serializers = {
      TEXT: ["text", `${flume}serialization.BodyTextEventSerializer$Builder`],
      HEADER_AND_TEXT: ["header_and_text", `${flume}serialization.HeaderAndBodyTextEventSerializer$Builder`],
      AVRO_EVENT: ["avro_event", `${flume}serialization.FlumeEventAvroEventSerializer$Builder`],
    };
    for (const [serializer, names] of Object.entries(serializers)) {
      for (const name of names) {
        assert.equal(read({ fileType: "DataStream", serializer: name }).serializer, serializer, name);
        const roll = readConfig(fileRoll.properties, { directory: "/a", serializer: name });
        assert.deepEqual([roll.config.serializer, roll.problems], [serializer, []], name);
      }
    }
    const text = `${flume}sink.hdfs.HDFSTextSerializer$Builder`;
    assert.equal(read({ fileType: "SequenceFile", writeFormat: text }).writeFormat, "Text");
  });

  it("apply where the ones that they hang on do, in whatever words those are said", () => {
    const looked = ["writeFormat", "codeC", "serializer", "appendNewline", "compressionCodec"];
    const properties: Properties = sink.properties;
    const shown = (values: Readonly<Record<string, unknown>>) =>
      Object.entries(properties).flatMap(([name, property]) =>
        looked.includes(name) && isShown(property, properties, values) ? [name] : [],
      );
    const avro = "org.apache.flume.serialization.FlumeEventAvroEventSerializer";
    assert.deepEqual(shown({ fileType: "datastream", serializer: "text" }), ["serializer", "appendNewline"]);
    assert.deepEqual(shown({ fileType: "DataStream", serializer: avro }), ["serializer", "compressionCodec"]);
    // A leftover of another kind of file.
    assert.deepEqual(shown({ fileType: "SequenceFile", serializer: "avro_event" }), ["writeFormat", "codeC"]);
  });

  it("have Flume's defaults, and no key that Flume does not have", () => {
    for (const [key, property] of declared) {
      assert.ok(key in FLUME, `Flume has no ${key}`);
      const value = FLUME[key];
      if (value !== undefined) assert.equal(property.default, value, key);
      else assert.ok(property.default === "" || property.default === "none", key);
    }
  });
});
