import { type ChildProcess, spawn } from "node:child_process";
import http, { type IncomingMessage } from "node:http";
import https from "node:https";
import path from "node:path";
import { onLeftover } from "../../support/cleanup";
import { eventually } from "../../support/eventually";
import { Lines } from "../../support/lines";
import { freePort } from "../../support/ports";
import { tempDir, type TempDir } from "../../support/temp-dir";
import { REALM } from "../kerberos/kdc";
import { fetchHdfs } from "./fetch";

export { hdfsUnavailable } from "./fetch";

export interface HdfsOptions {
  readonly dataNodes?: number;
  /** 2: a high-availability pair, of which the first is active. */
  readonly nameNodes?: 1 | 2;
  /** Copies of each block; 1 unless said. */
  readonly replication?: number;
  /**
   * Milliseconds that a data node first waits when the name node has not yet heard of a finished block, which is
   * so at nearly every append; Hadoop's own default is 400.
   */
  readonly appendDelay?: number;
  /** Milliseconds after which the file of a writer that is gone may be taken over; Hadoop's own is a minute. */
  readonly leaseSoftLimit?: number;
  /** Where the only data node keeps its blocks: a disk of its own. */
  readonly dataFolder?: string;
  /** Serve WebHDFS over TLS alone, with what `ssl-server.xml` in this folder names. */
  readonly tlsFolder?: string;
  /** Let nobody in without a ticket. Goes with `tlsFolder`: without TLS the data node would want ports of root. */
  readonly kerberos?: {
    readonly conf: string;
    /** With the keys of `hdfs/localhost` and `HTTP/localhost`. */
    readonly keyTab: string;
  };
  /** WebHDFS port of the first name node; a free port when absent. */
  readonly port?: number;
  /** Further settings, as in hdfs-site.xml. */
  readonly properties?: Readonly<Record<string, string>>;
  readonly heap?: string;
}

export interface HdfsCluster {
  /** WebHDFS address of each name node: `http://localhost:9870`. */
  readonly urls: readonly string[];
  /** For Hadoop's own tools: `hdfs://localhost:8020`. */
  readonly fileSystem: string;
  readonly pid: number | undefined;
  readonly logs: readonly string[];
  /** Of a pair: the other one becomes active. */
  failOver(to: 0 | 1): Promise<void>;
  stopNameNode(index?: number): Promise<void>;
  startNameNode(index?: number): Promise<void>;
  stopDataNode(index?: number): Promise<void>;
  startDataNode(index?: number): Promise<void>;
  /** Ends all of it as a crash does. */
  kill(): Promise<void>;
  /** Starts it again with what it holds. Not for a pair: Hadoop's test cluster cannot. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts a real HDFS 3.4 with WebHDFS on loopback; resolves when it takes requests. */
export async function startHdfs(options: HdfsOptions = {}): Promise<HdfsCluster> {
  const { jars, classes } = await fetchHdfs();
  const folder = await tempDir();
  const httpPorts = [options.port ?? (await freePort())];
  if (options.nameNodes === 2) httpPorts.push(await freePort());
  const server = new HdfsServer([classes, path.join(jars, "*")], folder, await freePort(), httpPorts, options);
  try {
    await server.start(true);
  } catch (error) {
    await server.kill();
    await folder.remove();
    throw error;
  }
  return server;
}

class HdfsServer implements HdfsCluster {
  readonly urls: readonly string[];
  readonly fileSystem: string;
  readonly #classPath: readonly string[];
  readonly #folder: TempDir;
  readonly #namePort: number;
  readonly #httpPorts: readonly number[];
  readonly #options: HdfsOptions;
  #lines = new Lines();
  #java: ChildProcess | undefined;
  #ended: Promise<void> = Promise.resolve();

  constructor(
    classPath: readonly string[],
    folder: TempDir,
    namePort: number,
    httpPorts: readonly number[],
    options: HdfsOptions,
  ) {
    this.#classPath = classPath;
    this.#folder = folder;
    this.#namePort = namePort;
    this.#httpPorts = httpPorts;
    this.#options = options;
    const scheme = options.tlsFolder === undefined ? "http" : "https";
    this.urls = httpPorts.map((port) => `${scheme}://localhost:${port}`);
    this.fileSystem = `hdfs://localhost:${namePort}`;
  }

  get pid(): number | undefined {
    return this.#java?.pid;
  }

  get logs(): readonly string[] {
    return this.#lines.all;
  }

  async start(format: boolean): Promise<void> {
    const {
      dataNodes = 1,
      replication = 1,
      appendDelay,
      heap = "512m",
      leaseSoftLimit,
      dataFolder,
      tlsFolder,
      kerberos,
      properties,
    } = this.#options;
    const settings: Record<string, string> = {
      "dfs.replication": String(replication),
      "dfs.namenode.safemode.extension": "0",
      "dfs.namenode.fs-limits.min-block-size": "1024",
      "dfs.webhdfs.socket.read-timeout": "30s",
      // Blocks are cut at a heartbeat: three seconds each time would make tests of it long.
      "dfs.heartbeat.interval": "1s",
      ...(appendDelay === undefined
        ? {}
        : { "dfs.client.block.write.locateFollowingBlock.initial.delay.ms": String(appendDelay) }),
      ...(tlsFolder === undefined ? {} : this.#tlsSettings()),
      ...(kerberos === undefined ? {} : kerberosSettings(kerberos.keyTab)),
      ...properties,
    };
    const lines = new Lines();
    this.#lines = lines;
    const java = spawn(
      "java",
      [
        `-Xmx${heap}`,
        ...["-cp", [...(tlsFolder === undefined ? [] : [tlsFolder]), ...this.#classPath].join(path.delimiter)],
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
        ...(kerberos === undefined ? [] : kerberosFlags(kerberos.conf)),
        "headrace.counterparts.LoopbackHdfs",
        ...["--dir", this.#folder.file("dfs"), "--name-port", String(this.#namePort)],
        // With TLS the port is that of the settings, and nobody asks at this one.
        ...this.#httpPorts.flatMap((port) => ["--http-port", tlsFolder === undefined ? String(port) : "0"]),
        ...["--data-nodes", String(dataNodes)],
        ...(dataFolder === undefined ? [] : ["--data-dir", dataFolder]),
        ...(leaseSoftLimit === undefined ? [] : ["--lease-soft-limit", String(leaseSoftLimit)]),
        ...(format ? ["--format"] : []),
        ...Object.entries(settings).flatMap(([key, value]) => ["-D", `${key}=${value}`]),
      ],
      // It ends with its input, so a test that dies leaves none behind.
      { cwd: this.#folder.path, stdio: ["pipe", "pipe", "pipe"] },
    );
    this.#java = java;
    java.stdin.on("error", () => undefined);
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
      java.once("close", (code, signal) => end(new Error(`HDFS ended (code ${code}, signal ${signal})`)));
    });
    const forget = onLeftover(`HDFS, process ${java.pid}`, async () => {
      java.kill("SIGKILL");
      await this.#ended;
    });
    void this.#ended.then(forget);
    try {
      await lines.find((line) => line === "HDFS-READY", 0, 120_000, "start of HDFS");
      await eventually(() => this.#answers(), { within: 60_000, every: 100, what: "answer of WebHDFS" });
    } catch (error) {
      java.kill("SIGKILL");
      await this.#ended;
      throw new Error(`HDFS did not start: ${String(error)}\n${lines.all.slice(-40).join("\n")}`, { cause: error });
    }
  }

  async failOver(to: 0 | 1): Promise<void> {
    await this.#tell(`standby ${1 - to}`);
    await this.#tell(`active ${to}`);
  }

  stopNameNode(index = 0): Promise<void> {
    return this.#tell(`stop-name ${index}`);
  }

  startNameNode(index = 0): Promise<void> {
    return this.#tell(`start-name ${index}`);
  }

  stopDataNode(index = 0): Promise<void> {
    return this.#tell(`stop-data ${index}`);
  }

  startDataNode(index = 0): Promise<void> {
    return this.#tell(`start-data ${index}`);
  }

  async kill(): Promise<void> {
    this.#java?.kill("SIGKILL");
    await this.#ended;
  }

  async restart(): Promise<void> {
    await this.kill();
    await this.start(false);
  }

  async stop(): Promise<void> {
    // Test data: nothing has to be saved.
    await this.kill();
    await this.#folder.remove();
  }

  #tlsSettings(): Record<string, string> {
    return {
      "dfs.http.policy": "HTTPS_ONLY",
      "dfs.namenode.https-address": `localhost:${this.#httpPorts[0]}`,
      "dfs.datanode.https.address": "localhost:0",
    };
  }

  async #answers(): Promise<boolean> {
    const answers = await Promise.all(this.urls.map((url) => statusOf(`${url}/webhdfs/v1/?op=LISTSTATUS`)));
    // Whoever it asks for a ticket it has heard.
    return answers.some((status) => status === 200 || status === 401);
  }

  async #tell(command: string): Promise<void> {
    const from = this.#lines.all.length;
    this.#java?.stdin?.write(`${command}\n`);
    const matches = (line: string) => line === `HDFS-DONE ${command}` || line.startsWith(`HDFS-FAILED ${command}`);
    const answer = await this.#lines.find(matches, from, 120_000, `end of "${command}"`);
    if (answer.startsWith("HDFS-FAILED")) throw new Error(answer);
  }
}

function kerberosSettings(keyTab: string): Record<string, string> {
  const server = `hdfs/localhost@${REALM}`;
  const web = `HTTP/localhost@${REALM}`;
  return {
    "hadoop.security.authentication": "kerberos",
    "dfs.namenode.kerberos.principal": server,
    "dfs.namenode.keytab.file": keyTab,
    "dfs.datanode.kerberos.principal": server,
    "dfs.datanode.keytab.file": keyTab,
    "dfs.namenode.kerberos.internal.spnego.principal": web,
    "hadoop.http.authentication.type": "kerberos",
    "hadoop.http.authentication.kerberos.principal": web,
    "hadoop.http.authentication.kerberos.keytab": keyTab,
    "dfs.web.authentication.kerberos.principal": web,
    "dfs.web.authentication.kerberos.keytab": keyTab,
    "dfs.block.access.token.enable": "true",
    "dfs.data.transfer.protection": "authentication",
  };
}

/** Hadoop looks into Java's own Kerberos, which Java has closed since version 16. */
function kerberosFlags(conf: string): string[] {
  return [`-Djava.security.krb5.conf=${conf}`, "--add-exports=java.security.jgss/sun.security.krb5=ALL-UNNAMED"];
}

function statusOf(url: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const asked = (answer: IncomingMessage) => {
      answer.resume();
      resolve(answer.statusCode);
    };
    // Whether its certificate is right, the tests themselves find out.
    const asking = url.startsWith("https:")
      ? https.get(url, { rejectUnauthorized: false }, asked)
      : http.get(url, asked);
    asking.on("error", reject);
  });
}
