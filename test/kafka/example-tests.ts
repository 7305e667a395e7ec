import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "../support/eventually.js";
import { root } from "../support/machine.js";
import { type FlowNode, NodeRed } from "../support/node-red.js";
import { tab } from "../support/flow-nodes.js";
import { freePort } from "../support/ports.js";
import { tcpClient } from "../support/tcp-client.js";
import type { SuiteKafka } from "./support/suite-kafka.js";

export function exampleTests(suite: () => SuiteKafka): void {
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

  it("takes lines over netcat into Kafka, and logs what comes back out of it", async () => {
    const folder = join(root, "examples");
    const name = readdirSync(folder).find((file) => file.includes("kafka")) ?? "";
    const port = await freePort();
    const flows = (JSON.parse(readFileSync(join(folder, name), "utf8")) as FlowNode[]).map((node) => ({
      ...node,
      ...(node.type === "flume-kafka-cluster" ? { brokers: suite().cluster.bootstrap } : {}),
      ...(node.type === "flume-netcat-source" ? { port } : {}),
    }));
    const nodeRed = await NodeRed.start({ flows });
    try {
      const client = await eventually(() => tcpClient(port), { what: "netcat source" });
      assert.equal(await client.ask("Hello Kafka"), "OK");
      await client.end();
      await nodeRed.waitForLog(/topic=headrace-example/, { within: 60_000 });
      await nodeRed.waitForLog(/48 65 6C 6C 6F 20 4B 61 66 6B 61/, { within: 10_000 });
    } finally {
      await nodeRed.stop();
    }
  });
}
