// npm run counterpart -- kafka [--brokers 3] [--partitions 6] [--port 9092]
// npm run counterpart -- hdfs [--name-nodes 2] [--data-nodes 3] [--append-delay 5] [--port 9870] [--kerberos]
// npm run counterpart -- loghub [--shards 4] [--logs 1000] [--any-key] [--port 8080]
// npm run counterpart -- postgresql [--port 5432]
// Starts a real server (or, of Log Service, the emulator that the tests use) on loopback for a person to point a flow at, prints its address, and stops it on Ctrl-C.
import { parseArgs } from "node:util";
import { fillWithLogs } from "../loghub/emulator/fill";
import { startLogService } from "../loghub/emulator/log-service";
import { cleanUpLeftovers } from "../support/cleanup";
import { type HdfsOptions, startHdfs } from "./hdfs/cluster";
import { startSecureHdfs } from "./hdfs/secure";
import { startKafka } from "./kafka/broker";
import { postgresqlUnavailable, startPostgresql } from "./postgresql/server";

interface Options {
  readonly brokers: number;
  /** Of a topic that is made when it is first used. */
  readonly partitions: string;
  readonly nameNodes: 1 | 2;
  readonly dataNodes: number;
  /** Milliseconds; Hadoop's own when absent. */
  readonly appendDelay: number | undefined;
  readonly port: number | undefined;
  readonly shards: number;
  /** Written at once and then every second; none when 0. */
  readonly logs: number;
  /** With a key distribution centre, and nobody let in without a ticket. */
  readonly kerberos: boolean;
  /** Whatever key comes is let in. */
  readonly anyKey: boolean;
}

/** Starts it and tells, in lines for a person, where it is. */
type Counterpart = (options: Options) => Promise<readonly string[]>;

const counterparts: Readonly<Record<string, Counterpart>> = {
  async kafka({ brokers, partitions, port }) {
    const properties = { "num.partitions": partitions };
    const cluster = await startKafka({ brokers, properties, ...(port === undefined ? {} : { port }) });
    return [
      `Kafka 4.1 listens at ${cluster.bootstrap}`,
      `Topics are made when first used; number of partitions: ${partitions}.`,
    ];
  },
  async hdfs({ nameNodes, dataNodes, appendDelay, port, kerberos }) {
    const options = {
      nameNodes,
      dataNodes,
      ...(appendDelay === undefined ? {} : { appendDelay }),
      ...(port === undefined ? {} : { port }),
    };
    if (kerberos) return await secureHdfs(options);
    const cluster = await startHdfs(options);
    return [
      `HDFS 3.4: WebHDFS at ${cluster.urls.join(", ")}, for Hadoop's tools ${cluster.fileSystem}`,
      `Its files in a browser: ${cluster.urls[0]}/explorer.html`,
    ];
  },
  async loghub({ port, shards, logs, anyKey }) {
    const service = await startLogService({ shards, verify: !anyKey, ...(port === undefined ? {} : { port }) });
    if (logs > 0) fillWithLogs(service, logs);
    return [
      `Log Service emulator: endpoint ${service.endpoint}, region ${service.region}`,
      `project ${service.project}, logstore ${service.logstore} with ${shards} shards`,
      anyKey ? "Any access key is taken." : `accessKeyId ${service.key.id}, accessKey ${service.key.secret}`,
      logs > 0 ? `${logs} logs are written each second.` : "It holds no logs: --logs 1000 writes as many each second.",
    ];
  },
  async postgresql({ port }) {
    const reason = await postgresqlUnavailable();
    if (reason !== undefined) throw new Error(reason);
    const server = await startPostgresql(port === undefined ? {} : { port });
    return [`PostgreSQL: ${server.url}`, `User ${server.user}, no password.`];
  },
};

async function secureHdfs(options: HdfsOptions): Promise<readonly string[]> {
  const { cluster, kdc, keyTab, caFile, clientPackage } = await startSecureHdfs(options);
  return [
    `HDFS 3.4 with Kerberos: WebHDFS at ${cluster.urls.join(", ")}`,
    `Principals flume (a superuser) and alice; key table ${keyTab}`,
    `Start Node-RED with KRB5_CONFIG=${kdc.conf} NODE_EXTRA_CA_CERTS=${caFile}`,
    `and the package kerberos beside Headrace, such as ${clientPackage}`,
  ];
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    brokers: { type: "string", default: "1" },
    partitions: { type: "string", default: "1" },
    "name-nodes": { type: "string", default: "1" },
    "data-nodes": { type: "string", default: "1" },
    "append-delay": { type: "string" },
    port: { type: "string" },
    shards: { type: "string", default: "2" },
    logs: { type: "string", default: "0" },
    "any-key": { type: "boolean", default: false },
    kerberos: { type: "boolean", default: false },
  },
});

async function main(): Promise<void> {
  const start = counterparts[positionals[0] ?? ""];
  if (!start) {
    console.error("npm run counterpart -- kafka [--brokers 3] [--partitions 6] [--port 9092]");
    console.error(
      "npm run counterpart -- hdfs [--name-nodes 2] [--data-nodes 3] [--append-delay 5] [--port 9870] [--kerberos]",
    );
    console.error("npm run counterpart -- postgresql [--port 5432]");
    console.error("npm run counterpart -- loghub [--shards 4] [--logs 1000] [--any-key] [--port 8080]");
    process.exitCode = 2;
    return;
  }
  const number = (text: string | undefined) => (text === undefined ? undefined : Number(text));
  const options: Options = {
    brokers: Number(values.brokers),
    partitions: values.partitions,
    nameNodes: values["name-nodes"] === "2" ? 2 : 1,
    dataNodes: Number(values["data-nodes"]),
    appendDelay: number(values["append-delay"]),
    port: number(values.port),
    shards: Number(values.shards),
    logs: Number(values.logs),
    anyKey: values["any-key"],
    kerberos: values.kerberos,
  };
  for (const line of await start(options)) console.log(line);
  console.log("Ctrl-C stops it; what it holds is deleted.");
  await new Promise<void>((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, resolve);
  });
}

main()
  .catch((error: unknown) => {
    console.error(error);
    process.exitCode = 1;
  })
  .finally(() => void cleanUpLeftovers());
