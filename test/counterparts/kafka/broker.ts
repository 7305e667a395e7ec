import { type ChildProcess, execFile, spawn } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import { onLeftover } from "../../support/cleanup";
import { Lines } from "../../support/lines";
import { freePort } from "../../support/ports";
import { tempDir, type TempDir } from "../../support/temp-dir";
import { fetchKafka } from "./fetch";

export { kafkaUnavailable } from "./fetch";

const run = promisify(execFile);

/** Any 16 bytes in URL-safe base64: the brokers of one cluster share it. */
const CLUSTER_ID = "aGVhZHJhY2Uta2Fma2EtMQ";

/** Three at once on a machine that does other things, too. Milliseconds. */
const START_WITHIN = 240_000;

export interface KafkaOptions {
  /** Brokers in the cluster; each is broker and controller at once. */
  readonly brokers?: number;
  /** Further lines of server.properties, for every broker. */
  readonly properties?: Readonly<Record<string, string>>;
  /** Security of the listener for clients; plain text when absent. */
  readonly clients?: ClientListener;
  /** Where clients connect to the first broker; a free port when absent. */
  readonly port?: number;
  /** The most that a broker's Java heap may take, as java -Xmx writes it. */
  readonly heap?: string;
}

export interface ClientListener {
  readonly protocol: "SSL" | "SASL_PLAINTEXT" | "SASL_SSL";
  /** Lines of server.properties that the listener needs: key store, mechanisms, JAAS. */
  readonly properties: Readonly<Record<string, string>>;
  /** `SCRAM-SHA-256=[name=alice,password=secret]`: users that the cluster knows from the start. */
  readonly scram?: readonly string[];
}

export interface KafkaBroker {
  readonly id: number;
  /** host:port */
  readonly address: string;
  readonly pid: number | undefined;
  readonly running: boolean;
  /** Every line of its log so far. */
  readonly logs: readonly string[];
  /** Ends it as a crash does. */
  kill(): Promise<void>;
  /** Ends it as an operator does, with its leaders moved away; after ten seconds as a crash does. */
  stop(): Promise<void>;
  /** Starts it again on the same port with what is in its log. */
  start(): Promise<void>;
  /** Stops the process where it stands (SIGSTOP): connections stay open and nothing answers. */
  freeze(): void;
  thaw(): void;
}

export interface KafkaCluster {
  /** host:port of each broker, as clients write them. */
  readonly bootstrap: string;
  /** Plain-text address for tests' own clients, whatever the clients' listener wants. */
  readonly plainBootstrap: string;
  readonly brokers: readonly KafkaBroker[];
  stop(): Promise<void>;
}

interface Ports {
  readonly plain: number;
  readonly controller: number;
  readonly clients: number | undefined;
}

/** Starts a real Kafka 4.1 cluster (KRaft, no ZooKeeper) on loopback; resolves when every broker takes requests. */
export async function startKafka(options: KafkaOptions = {}): Promise<KafkaCluster> {
  const jars = await fetchKafka();
  const count = options.brokers ?? 1;
  const folder = await tempDir();
  const ports: Ports[] = [];
  for (let i = 0; i < count; i++) {
    const given = i === 0 ? options.port : undefined;
    ports.push({
      plain: given ?? (await freePort()),
      controller: await freePort(),
      clients: options.clients ? await freePort() : undefined,
    });
  }
  const brokers = ports.map((own, index) => new Broker(jars, folder, index + 1, own, ports, options));
  try {
    await Promise.all(brokers.map((broker) => broker.format()));
    await Promise.all(brokers.map((broker) => broker.start()));
  } catch (error) {
    await Promise.all(brokers.map((broker) => broker.kill()));
    await folder.remove();
    throw error;
  }
  const addresses = (of: (ports: Ports) => number) => ports.map((one) => `127.0.0.1:${of(one)}`).join(",");
  return {
    bootstrap: addresses(({ clients, plain }) => clients ?? plain),
    plainBootstrap: addresses(({ plain }) => plain),
    brokers,
    async stop() {
      // A controller that has lost the majority waits for it in its orderly stop: these are test data.
      await Promise.all(brokers.map((broker) => broker.kill()));
      await folder.remove();
    },
  };
}

class Broker implements KafkaBroker {
  readonly id: number;
  readonly address: string;
  readonly #jars: string;
  readonly #home: string;
  readonly #heap: string;
  readonly #properties: string;
  readonly #scram: readonly string[];
  #lines = new Lines();
  #java: ChildProcess | undefined;
  #ended: Promise<void> = Promise.resolve();

  constructor(jars: string, folder: TempDir, id: number, own: Ports, ports: readonly Ports[], options: KafkaOptions) {
    this.id = id;
    this.address = `127.0.0.1:${own.clients ?? own.plain}`;
    this.#jars = jars;
    this.#home = folder.file(`broker-${id}`);
    this.#heap = options.heap ?? "512m";
    this.#scram = options.clients?.scram ?? [];
    this.#properties = serverProperties(id, path.join(this.#home, "log"), own, ports, options);
  }

  get pid(): number | undefined {
    return this.#java?.pid;
  }

  get running(): boolean {
    return this.#java !== undefined;
  }

  get logs(): readonly string[] {
    return this.#lines.all;
  }

  get #configuration(): string {
    return path.join(this.#home, "server.properties");
  }

  async format(): Promise<void> {
    await mkdir(this.#home, { recursive: true });
    await writeFile(this.#configuration, this.#properties);
    const users = this.#scram.flatMap((user) => ["--add-scram", user]);
    await run("java", [
      ...["-cp", path.join(this.#jars, "*")],
      ...["kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", this.#configuration, ...users],
    ]);
  }

  async start(): Promise<void> {
    if (this.#java) return;
    const lines = new Lines();
    this.#lines = lines;
    const java = spawn(
      "java",
      [
        `-Xmx${this.#heap}`,
        ...["-cp", path.join(this.#jars, "*")],
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=info",
        "kafka.Kafka",
        this.#configuration,
      ],
      { cwd: this.#home, stdio: ["ignore", "pipe", "pipe"] },
    );
    this.#java = java;
    for (const stream of [java.stdout, java.stderr]) {
      stream.setEncoding("utf8").on("data", (piece: string) => lines.push(piece));
    }
    this.#ended = new Promise<void>((resolve) => {
      const end = (error: Error): void => {
        lines.end(error);
        if (this.#java === java) this.#java = undefined;
        resolve();
      };
      java.once("error", end);
      java.once("close", (code, signal) => end(new Error(`Kafka ended (code ${code}, signal ${signal})`)));
    });
    const forget = onLeftover(`Kafka broker ${this.id}, process ${java.pid}`, async () => {
      java.kill("SIGKILL");
      await this.#ended;
    });
    void this.#ended.then(forget);
    try {
      await lines.find((line) => line.includes("Kafka Server started"), 0, START_WITHIN, `start of broker ${this.id}`);
    } catch (error) {
      java.kill("SIGKILL");
      await this.#ended;
      const log = lines.all.slice(-40).join("\n");
      throw new Error(`Kafka did not start: ${String(error)}\n${log}`, { cause: error });
    }
  }

  async stop(): Promise<void> {
    const java = this.#java;
    if (!java) return;
    java.kill("SIGTERM");
    const stubborn = setTimeout(() => java.kill("SIGKILL"), 10_000);
    await this.#ended;
    clearTimeout(stubborn);
  }

  async kill(): Promise<void> {
    this.#java?.kill("SIGKILL");
    await this.#ended;
  }

  freeze(): void {
    this.#java?.kill("SIGSTOP");
  }

  thaw(): void {
    this.#java?.kill("SIGCONT");
  }
}

function serverProperties(
  id: number,
  logs: string,
  own: Ports,
  ports: readonly Ports[],
  options: KafkaOptions,
): string {
  const copies = String(Math.min(ports.length, 3));
  const enough = String(Math.min(ports.length, 2));
  const { clients } = options;
  const plain = `PLAINTEXT://127.0.0.1:${own.plain}`;
  const advertised = clients ? `${plain},CLIENTS://127.0.0.1:${own.clients}` : plain;
  const properties: Record<string, string> = {
    "process.roles": "broker,controller",
    "node.id": String(id),
    "controller.quorum.voters": ports.map((one, i) => `${i + 1}@127.0.0.1:${one.controller}`).join(","),
    listeners: `${advertised},CONTROLLER://127.0.0.1:${own.controller}`,
    "advertised.listeners": advertised,
    "listener.security.protocol.map": [
      "PLAINTEXT:PLAINTEXT",
      "CONTROLLER:PLAINTEXT",
      ...(clients ? [`CLIENTS:${clients.protocol}`] : []),
    ].join(","),
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAINTEXT",
    "log.dirs": logs,
    "num.partitions": "1",
    "default.replication.factor": copies,
    "min.insync.replicas": enough,
    "offsets.topic.replication.factor": copies,
    // Its default of 50 costs a small machine a second at each start.
    "offsets.topic.num.partitions": "3",
    "transaction.state.log.replication.factor": copies,
    "transaction.state.log.min.isr": enough,
    "transaction.state.log.num.partitions": "3",
    // After its default of a minute a broker gives up, however patiently its start is waited for.
    "initial.broker.registration.timeout.ms": String(START_WITHIN),
    // The default of 3 s is for groups whose members start minutes apart.
    "group.initial.rebalance.delay.ms": "0",
    ...clients?.properties,
    ...options.properties,
  };
  return Object.entries(properties)
    .map(([key, value]) => `${key}=${value}\n`)
    .join("");
}
