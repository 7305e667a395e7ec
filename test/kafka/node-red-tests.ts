import { readdirSync, readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { NEVER } from "../../lib/engine/delivery.js";
import { textBatch } from "../support/event-batches.js";
import { eventually } from "../support/eventually.js";
import { root } from "../support/machine.js";
import { type FlowNode, NodeRed } from "../support/node-red.js";
import { nullSink, tab } from "../support/flow-nodes.js";
import { freePort } from "../support/ports.js";
import { tcpClient } from "../support/tcp-client.js";
import { tempDir } from "../support/temp-dir.js";
import { kafkaSink } from "./support/subjects.js";
import type { SuiteKafka } from "./support/suite-kafka.js";

export function nodeRedTests(suite: () => SuiteKafka): void {
  it("what only a dialog can mend says so, at the node and in the log", async () => {
    const producerProperties = [{ property: "transactional.id", value: "x" }];
    const sink = { type: "flume-kafka-sink", z: "tab", name: "", wires: [], topic: "t" };
    const cluster = { type: "flume-kafka-cluster", name: "", clientId: "headrace", mechanism: "none" };
    const nodeRed = await NodeRed.start({
      flows: [
        tab(),
        { id: "cluster", ...cluster, brokers: suite().brokers },
        { id: "portless", ...cluster, brokers: "127.0.0.1" },
        { id: "token", ...cluster, brokers: suite().brokers, mechanism: "OAUTHBEARER" },
        { id: "property", ...sink, cluster: "cluster", producerProperties },
        { id: "brokers", ...sink, cluster: "portless" },
        { id: "oauth", ...sink, cluster: "token" },
      ],
    });
    try {
      for (const id of ["property", "brokers", "oauth"]) {
        await nodeRed.comms.waitForStatus(id, ({ text, fill }) => text === "check settings" && fill === "red");
      }
      await nodeRed.waitForLog(/kafka.bootstrap.servers holds "127.0.0.1", which is no address with a port/);
      await nodeRed.waitForLog(/kafka.producer.transactional.id has no equal/);
      await nodeRed.waitForLog(/neither a token nor a token address/);
    } finally {
      await nodeRed.stop();
    }
  });

  it("a codec that is not installed: writer and reader name the package, the rest goes on", async () => {
    const [plain, packed] = [await suite().topic(), await suite().topic()];
    const folder = await tempDir();
    // As where nobody has installed the optional packages.
    const hook = folder.file("without-codecs.cjs");
    await writeFile(
      hook,
      `const Module = require("node:module");
      const load = Module._load;
      Module._load = function (name, ...rest) {
        if (name === "snappy" || name === "lz4-napi") throw new Error("Cannot find module '" + name + "'");
        return load.call(this, name, ...rest);
      };`,
    );
    for (const [topic, compression] of [[plain, "none"] as const, [packed, "snappy"] as const]) {
      const sink = kafkaSink(suite().context(), { topic, compression });
      await sink.start();
      await sink.write(textBatch("x"), NEVER);
      await sink.stop();
    }
    const source = { type: "flume-kafka-source", z: "tab", name: "", wires: [["null"]], cluster: "cluster" };
    const nodeRed = await NodeRed.start({
      nodeArgs: ["--require", hook],
      flows: [
        tab(),
        { id: "cluster", type: "flume-kafka-cluster", name: "", clientId: "headrace", brokers: suite().brokers },
        { ...source, id: "plain", topics: plain, groupId: plain, autoOffsetReset: "earliest" },
        { ...source, id: "packed", topics: packed, groupId: packed, autoOffsetReset: "earliest" },
        {
          ...{ id: "writer", type: "flume-kafka-sink", z: "tab", name: "", wires: [] },
          ...{ cluster: "cluster", topic: plain, compression: "lz4" },
        },
        nullSink("null"),
      ],
    });
    try {
      await nodeRed.waitForLog(/:packed\] .*Compression snappy needs snappy/, { within: 30_000 });
      await nodeRed.waitForLog(/:writer\] .*Compression lz4 needs lz4-napi.*npm install lz4-napi/, { within: 30_000 });
      for (const id of ["packed", "writer"]) {
        await nodeRed.comms.waitForStatus(id, ({ fill }) => fill === "red", { within: 20_000 });
      }
      await eventually(
        async () => {
          const metrics = await nodeRed.adminGet<Record<string, Record<string, string>>>("/headrace/metrics");
          return metrics["SOURCE.plain"]?.["EventAcceptedCount"] === "1";
        },
        { within: 30_000, what: "the event that is not packed" },
      );
    } finally {
      await nodeRed.stop();
      await folder.remove();
    }
  });

  for (const [example, expected] of [
    ["10 - kafka", /topic=headrace-example/],
    ["12 - kafka channel", /48 65 6C 6C 6F/],
  ] as const) {
    it(`the example ${example} takes lines over netcat into Kafka, and logs what comes back out of it`, async () => {
      const folder = join(root, "examples");
      const name = readdirSync(folder).find((file) => file.startsWith(`${example} (`)) ?? "";
      const port = await freePort();
      const flows = (JSON.parse(readFileSync(join(folder, name), "utf8")) as FlowNode[]).map((node) => ({
        ...node,
        ...(node.type === "flume-kafka-cluster" ? { brokers: suite().cluster.bootstrap } : {}),
        ...(node.type === "flume-netcat-source" ? { port } : {}),
      }));
      const nodeRed = await NodeRed.start({ flows });
      try {
        const client = await eventually(() => tcpClient(port), { what: "netcat source" });
        await eventually(async () => (await client.ask("Hello Kafka")) === "OK", { within: 30_000, what: "an OK" });
        await client.end();
        await nodeRed.waitForLog(expected, { within: 60_000 });
        await nodeRed.waitForLog(/48 65 6C 6C 6F 20 4B 61 66 6B 61/, { within: 10_000 });
      } finally {
        await nodeRed.stop();
      }
    });
  }
}
