import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { Agent, get } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { fetchFlume } from './fetch';
import { processMemory } from './process-memory';

export { flumeUnavailable } from './fetch';
export { freePort, freePorts } from './free-port';

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
  readonly logLevel?: 'debug' | 'info' | 'warn';
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
  /** The most that it ever held; stays known after it has ended. */
  peakRss(): number | undefined;
  /** What the agent has logged, the last megabyte of it. */
  logs(): string;
  /** Resolves when the log matches, rejects when it has not within the time or the agent has ended. */
  logged(pattern: RegExp, timeout?: number): Promise<void>;
  /** Ends the agent, with a signal it obeys, and with one it cannot refuse after ten seconds. */
  stop(): Promise<void>;
}

const agentName = 'a1';
const logKept = 1024 * 1024;

/** Starts a real Flume 1.11 and resolves when all its components have been told to start and its metrics answer. */
export async function startFlume(options: FlumeOptions): Promise<FlumeAgent> {
  const flume = await fetchFlume();
  const conf = await mkdtemp(path.join(tmpdir(), 'flume-agent-'));
  await writeFile(path.join(conf, 'flume.properties'), propertiesText(options.config));
  await writeFile(path.join(conf, 'log4j2.xml'), loggingConfiguration(options.logLevel ?? 'info'));

  const java = spawn(
    'java',
    [
      `-Xmx${options.heap ?? '512m'}`,
      // Hadoop and Netty reach into these; without them the agent's log starts with stack traces.
      '--add-opens=java.base/java.nio=ALL-UNNAMED',
      '--add-opens=java.base/java.lang=ALL-UNNAMED',
      ...Object.entries(options.properties ?? {}).map(([key, value]) => `-D${key}=${value}`),
      '-Dflume.monitoring.type=headrace.counterparts.LoopbackMetrics',
      '-cp',
      [conf, flume.monitorClasses, path.join(flume.jars, '*')].join(path.delimiter),
      'org.apache.flume.node.Application',
      '-n',
      agentName,
      '-f',
      path.join(conf, 'flume.properties'),
      '--no-reload-conf',
    ],
    { cwd: conf, stdio: ['ignore', 'pipe', 'pipe'] },
  );

  const log = collectLog(java);
  const ended = new Promise<string>((resolve) => {
    java.once('error', (error) => resolve(error.message));
    java.once('close', (code, signal) => resolve(`exit ${code ?? signal}`));
  });
  // Nothing that was started here may outlive this process.
  const endWithParent = (): void => void java.kill('SIGKILL');
  process.once('exit', endWithParent);

  let peak: number | undefined;
  const noteMemory = (): { resident: number; peak: number } | undefined => {
    const memory = java.pid === undefined ? undefined : processMemory(java.pid);
    if (memory !== undefined) peak = memory.peak;
    return memory;
  };

  const stop = async (): Promise<void> => {
    noteMemory();
    if (java.exitCode === null && java.signalCode === null && java.pid !== undefined) {
      java.kill('SIGTERM');
      const stubborn = setTimeout(() => java.kill('SIGKILL'), 10_000);
      await ended;
      clearTimeout(stubborn);
    }
    process.removeListener('exit', endWithParent);
    connections.destroy();
    await rm(conf, { recursive: true, force: true });
  };

  const logged = async (pattern: RegExp, timeout = 10_000): Promise<void> => {
    const waiting = new AbortController();
    try {
      await Promise.race([
        log.matches(pattern, waiting.signal),
        ended.then((how) => {
          throw new Error(`Flume has ended (${how}):\n${log.text().slice(-4_000)}`);
        }),
        delay(timeout, undefined, { signal: waiting.signal }).then(() => {
          throw new Error(
            `Flume did not log ${String(pattern)} in ${timeout} ms:\n${log.text().slice(-4_000)}`,
          );
        }),
      ]);
    } finally {
      waiting.abort();
    }
  };

  const connections = new Agent({ keepAlive: true, maxSockets: 1 });
  const portLine = /^LOOPBACK-METRICS-PORT (\d+)$/m;
  try {
    await logged(portLine, options.startTimeout ?? 60_000);
  } catch (error) {
    await stop();
    throw error;
  }
  // Flume runs on with nothing in it; whoever wrote that configuration wants to hear of it.
  const nothing = /No configuration found for this host.*/.exec(log.text());
  if (nothing !== null) {
    await stop();
    throw new Error(`Flume found no agent called ${agentName} in its configuration: ${nothing[0]}`);
  }
  const metricsPort = Number(portLine.exec(log.text())?.[1]);
  const metrics = (): Promise<FlumeMetrics> => getMetrics(metricsPort, connections);
  await metrics();

  const pid = java.pid;
  if (pid === undefined) throw new Error('a process that answers has an id');
  return {
    pid,
    metricsPort,
    metrics,
    rss: () => noteMemory()?.resident,
    peakRss: () => {
      noteMemory();
      return peak;
    },
    logs: log.text,
    logged,
    stop,
  };
}

/** One of the numbers in Flume's metrics, which are all text; 0 for one that is not there yet. */
export function metric(metrics: FlumeMetrics, component: string, name: string): number {
  return Number(metrics[component]?.[name] ?? 0);
}

function propertiesText(config: FlumeOptions['config']): string {
  if (typeof config === 'string') return config;
  // In a Java properties file a backslash escapes, and a value's leading blanks are dropped.
  return Object.entries(config)
    .map(
      ([key, value]) => `${agentName}.${key} = ${value.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}\n`,
    )
    .join('');
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

function collectLog(java: ChildProcessByStdio<null, Readable, Readable>): {
  text(): string;
  matches(pattern: RegExp, signal: AbortSignal): Promise<void>;
} {
  let text = '';
  for (const stream of [java.stdout, java.stderr]) {
    stream.setEncoding('utf8');
    stream.on('data', (chunk: string) => {
      text = (text + chunk).slice(-logKept);
    });
  }
  return {
    text: () => text,
    async matches(pattern, signal) {
      // Looking again every 20 ms is simple, and a small part of what a start of Java takes.
      while (!pattern.test(text) && !signal.aborted) {
        await delay(20, undefined, { signal }).catch(() => undefined);
      }
    },
  };
}

function getMetrics(port: number, agent: Agent): Promise<FlumeMetrics> {
  return new Promise((resolve, reject) => {
    get({ host: '127.0.0.1', port, path: '/metrics', agent }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        body += chunk;
      });
      response.on('error', reject);
      response.on('end', () => {
        try {
          resolve(JSON.parse(body) as FlumeMetrics);
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)));
        }
      });
    }).on('error', reject);
  });
}
