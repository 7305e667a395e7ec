// npm run counterpart -- kafka [--brokers 3] [--port 9092]
// Starts a real server on loopback for a person to point a flow at, prints its address, and stops it on Ctrl-C.
import { parseArgs } from "node:util";
import { cleanUpLeftovers } from "../support/cleanup";
import { startKafka } from "./kafka/broker";

interface Options {
  readonly brokers: number;
  readonly port: number | undefined;
}

/** Starts it and tells, in lines for a person, where it is. */
type Counterpart = (options: Options) => Promise<readonly string[]>;

const counterparts: Readonly<Record<string, Counterpart>> = {
  async kafka({ brokers, port }) {
    const cluster = await startKafka({ brokers, ...(port === undefined ? {} : { port }) });
    return [`Kafka 4.1 listens at ${cluster.bootstrap}`, "Topics are made when first used."];
  },
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    brokers: { type: "string", default: "1" },
    port: { type: "string" },
  },
});

async function main(): Promise<void> {
  const start = counterparts[positionals[0] ?? ""];
  if (!start) {
    console.error(`npm run counterpart -- ${Object.keys(counterparts).join(" | ")} [--brokers 3] [--port 9092]`);
    process.exitCode = 2;
    return;
  }
  const port = values.port === undefined ? undefined : Number(values.port);
  for (const line of await start({ brokers: Number(values.brokers), port })) console.log(line);
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
