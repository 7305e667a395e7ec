import { spawn } from "node:child_process";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { onLeftover } from "../../support/cleanup";
import { Lines } from "../../support/lines";
import { tempDir } from "../../support/temp-dir";
import { fetchFlume } from "./fetch";
import { processMemory } from "./process-memory";

export { flumeUnavailable } from "./fetch";

export interface FlumeOptions {
  /**
   * The agent's configuration: the text of a flume.properties whose agent is called a1, or its keys without
   * the agent's name (`{ 'sources': 'r1', 'sources.r1.type': 'netcat', … }`).
   */
  readonly config: string | Readonly<Record<string, string>>;
  /** The most that the Java heap may take, as java -Xmx writes it. */
  readonly heap?: string;
  /** Java system properties, for instance `JndiAllowedProtocols: 'tcp'` for JMS. */
  readonly properties?: Readonly<Record<string, string>>;
  /** From which level on the agent logs. */
  readonly logLevel?: "debug" | "info" | "warn";
  /** How long it may take until the metrics answer, in milliseconds. */
  readonly startTimeout?: number;
}

/** As Flume's own JSON reporter writes them: `CHANNEL.c1` → `EventTakeSuccessCount` → `"123"`. */
export type FlumeMetrics = Record<string, Record<string, string>>;

export interface FlumeAgent {
  readonly pid: number;
  /** Where `GET /metrics` answers, on loopback. */
  readonly metricsPort: number;
  metrics(): Promise<FlumeMetrics>;
  /** Bytes of memory held now; undefined once the agent has ended. */
  rss(): number | undefined;
  /** The most that it ever held; stays known after it has been stopped. */
  peakRss(): number | undefined;
  /** Every line of its log so far. */
  readonly logs: readonly string[];
  /** The first line from a position on that matches, at once if it is there already. */
  waitForLog(pattern: RegExp, options?: { from?: number; within?: number }): Promise<string>;
  /** Ends the agent, with a signal it obeys, and with one it cannot refuse after ten seconds. */
  stop(): Promise<void>;
}

const agentName = "a1";
const portLine = /^LOOPBACK-METRICS-PORT (\d+)$/;

/**
 * Starts a real Flume 1.11 and resolves when all its components have been told to start and its metrics answer.
 * A source listens a moment later: Flume starts each on a thread of its own.
 */
export async function startFlume(options: FlumeOptions): Promise<FlumeAgent> {
  const flume = await fetchFlume();
  const conf = await tempDir();
  await writeFile(conf.file("flume.properties"), propertiesText(options.config));
  await writeFile(conf.file("log4j2.xml"), loggingConfiguration(options.logLevel ?? "info"));

  const java = spawn(
    "java",
    [
      `-Xmx${options.heap ?? "512m"}`,
      // Hadoop and Netty reach into these; without them the agent's log starts with stack traces.
      "--add-opens=java.base/java.nio=ALL-UNNAMED",
      "--add-opens=java.base/java.lang=ALL-UNNAMED",
      ...Object.entries(options.properties ?? {}).map(([key, value]) => `-D${key}=${value}`),
      "-Dflume.monitoring.type=headrace.counterparts.LoopbackMetrics",
      "-cp",
      [conf.path, flume.monitorClasses, path.join(flume.jars, "*")].join(path.delimiter),
      "org.apache.flume.node.Application",
      "-n",
      agentName,
      "-f",
      conf.file("flume.properties"),
      "--no-reload-conf",
    ],
    // Its input stays open and silent: when that ends, the agent ends itself, so a test that dies leaves none behind.
    { cwd: conf.path, stdio: ["pipe", "pipe", "pipe"] },
  );

  const lines = new Lines();
  for (const stream of [java.stdout, java.stderr]) {
    stream.setEncoding("utf8").on("data", (piece: string) => lines.push(piece));
  }
  const ended = new Promise<void>((resolve) => {
    java.once("error", (error) => {
      lines.end(error);
      resolve();
    });
    java.once("close", (code, signal) => {
      lines.end(new Error(`Flume ended (code ${code}, signal ${signal})`));
      resolve();
    });
  });
  const forget = onLeftover(`Flume, process ${java.pid}`, async () => {
    java.kill("SIGKILL");
    await ended;
  });
  let peak: number | undefined;
  const memory = (): ReturnType<typeof processMemory> => {
    const found = java.pid === undefined ? undefined : processMemory(java.pid);
    if (found !== undefined) peak = found.peak;
    return found;
  };

  let stopped: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    memory();
    java.kill("SIGTERM");
    const stubborn = setTimeout(() => java.kill("SIGKILL"), 10_000);
    await ended;
    clearTimeout(stubborn);
    forget();
    await conf.remove();
  };

  try {
    const within = options.startTimeout ?? 60_000;
    const line = await lines.find((text) => portLine.test(text), 0, within, "metrics of Flume");
    // Flume runs on with nothing in it; whoever wrote that configuration wants to hear of it.
    if (lines.all.some((text) => text.includes("No configuration found for this host"))) {
      throw new Error(`the configuration names no agent ${agentName}`);
    }
    const metricsPort = Number(portLine.exec(line)?.[1]);
    await getMetrics(metricsPort);
    return {
      pid: java.pid ?? 0,
      metricsPort,
      metrics: () => getMetrics(metricsPort),
      rss: () => memory()?.resident,
      peakRss: () => {
        memory();
        return peak;
      },
      logs: lines.all,
      waitForLog: (pattern, { from = 0, within: limit = 10_000 } = {}) =>
        lines.find((text) => pattern.test(text), from, limit, `log line like ${String(pattern)}`),
      stop: () => (stopped ??= stop()),
    };
  } catch (error) {
    await stop();
    const log = lines.all.slice(-40).join("\n");
    throw new Error(`Flume did not start: ${String(error)}\n${log}`, { cause: error });
  }
}

/** One of the numbers in Flume's metrics, which are all text; 0 for one that is not there yet. */
export function metric(metrics: FlumeMetrics, component: string, name: string): number {
  return Number(metrics[component]?.[name] ?? 0);
}

function propertiesText(config: FlumeOptions["config"]): string {
  if (typeof config === "string") return config;
  // In a Java properties file a backslash escapes, and a value's leading blanks are dropped.
  return Object.entries(config)
    .map(([key, value]) => `${agentName}.${key} = ${value.replaceAll("\\", "\\\\").replaceAll("\n", "\\n")}\n`)
    .join("");
}

function loggingConfiguration(level: string): string {
  return `<?xml version="1.0" encoding="UTF-8"?>
<Configuration status="warn">
  <Appenders>
    <Console name="out" target="SYSTEM_OUT"><PatternLayout pattern="%d %-5p %c - %m%n"/></Console>
  </Appenders>
  <Loggers>
    <Root level="${level}"><AppenderRef ref="out"/></Root>
  </Loggers>
</Configuration>
`;
}

async function getMetrics(port: number): Promise<FlumeMetrics> {
  const response = await fetch(`http://127.0.0.1:${port}/metrics`);
  const metrics: FlumeMetrics = JSON.parse(await response.text());
  return metrics;
}
