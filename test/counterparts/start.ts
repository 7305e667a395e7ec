// npm run counterpart -- kafka [--brokers 3] [--port 9092]
// npm run counterpart -- hdfs [--name-nodes 2] [--data-nodes 3] [--append-delay 5] [--port 9870]
// Starts a real server on loopback for a person to point a flow at, prints its address, and stops it on Ctrl-C.
import { parseArgs } from "node:util";
import { cleanUpLeftovers } from "../support/cleanup";
import { startHdfs } from "./hdfs/cluster";
import { startKafka } from "./kafka/broker";

interface Options {
  readonly brokers: number;
  readonly nameNodes: 1 | 2;
  readonly dataNodes: number;
  /** Milliseconds; Hadoop's own when absent. */
  readonly appendDelay: number | undefined;
  readonly port: number | undefined;
}

/** Starts it and tells, in lines for a person, where it is. */
type Counterpart = (options: Options) => Promise<readonly string[]>;

const counterparts: Readonly<Record<string, Counterpart>> = {
  async kafka({ brokers, port }) {
    const cluster = await startKafka({ brokers, ...(port === undefined ? {} : { port }) });
    return [`Kafka 4.1 listens at ${cluster.bootstrap}`, "Topics are made when first used."];
  },
  async hdfs({ nameNodes, dataNodes, appendDelay, port }) {
    const cluster = await startHdfs({
      nameNodes,
      dataNodes,
      ...(appendDelay === undefined ? {} : { appendDelay }),
      ...(port === undefined ? {} : { port }),
    });
    return [
      `HDFS 3.4: WebHDFS at ${cluster.urls.join(", ")}, for Hadoop's tools ${cluster.fileSystem}`,
      `Its files in a browser: ${cluster.urls[0]}/explorer.html`,
    ];
  },
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    brokers: { type: "string", default: "1" },
    "name-nodes": { type: "string", default: "1" },
    "data-nodes": { type: "string", default: "1" },
    "append-delay": { type: "string" },
    port: { type: "string" },
  },
});

async function main(): Promise<void> {
  const start = counterparts[positionals[0] ?? ""];
  if (!start) {
    console.error("npm run counterpart -- kafka [--brokers 3] [--port 9092]");
    console.error("npm run counterpart -- hdfs [--name-nodes 2] [--data-nodes 3] [--append-delay 5] [--port 9870]");
    process.exitCode = 2;
    return;
  }
  const number = (text: string | undefined) => (text === undefined ? undefined : Number(text));
  const options: Options = {
    brokers: Number(values.brokers),
    nameNodes: values["name-nodes"] === "2" ? 2 : 1,
    dataNodes: Number(values["data-nodes"]),
    appendDelay: number(values["append-delay"]),
    port: number(values.port),
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
