import { spawn, type ChildProcess } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { onLeftover } from "./cleanup.js";
import { Comms } from "./comms.js";
import { eventually } from "./eventually.js";
import { Lines } from "./lines.js";
import { node20, node24, noNode20, root } from "./machine.js";
import type { Probe, ProbeOptions, ProbeReply } from "./node-red-probe.js";
import { listenerPort } from "./ports.js";
import { tempDir } from "./temp-dir.js";

/** A node, tab, group or subflow as it stands in flows.json. */
export interface FlowNode {
  id: string;
  type: string;
  z?: string;
  wires?: string[][];
  [property: string]: unknown;
}

export type DeploymentType = "full" | "flows" | "nodes" | "reload";

export interface NodeRedOptions {
  readonly version?: "5" | "4.1";
  /** Node-RED 5 runs on 24 only. */
  readonly node?: "24" | "20";
  /** Deployed from the start. */
  readonly flows?: readonly FlowNode[];
  /** Whether the palette of this clone is loaded from dist/. */
  readonly palette?: boolean;
  /** A user directory to go on with; it is the caller's to delete. */
  readonly userDir?: string;
  /** Over those of node-red-settings.ts, key by key. */
  readonly settings?: Readonly<Record<string, unknown>>;
  readonly env?: Readonly<Record<string, string>>;
  /** For instance --max-old-space-size=256. */
  readonly nodeArgs?: readonly string[];
  /** Milliseconds until the flows must have started. */
  readonly startWithin?: number;
}

export interface Deployed {
  readonly rev: string;
  /** False when Node-RED refused to start the flows, for instance because a node type is unknown. */
  readonly started: boolean;
}

export interface StopOptions {
  /** Milliseconds until it is ended by force, which fails the test. */
  readonly within?: number;
  readonly signal?: NodeJS.Signals;
}

export interface Stopped {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** From the signal to the exit. */
  readonly milliseconds: number;
}

/** Node-RED says one of these when a start or a deploy has come to its end. */
const SETTLED = /Started (modified )?(flows|nodes)|Waiting for missing types|Flows stopped|missing modules/;
const STARTED = /Started (modified )?(flows|nodes)/;

/** Node-RED takes a node without a position for a configuration node; tests need not care where nodes stand. */
export function placed(flows: readonly FlowNode[]): FlowNode[] {
  return flows.map((node, index) =>
    node.wires && node.z ? { x: 100 + 200 * (index % 5), y: 60 + 60 * Math.floor(index / 5), ...node } : node,
  );
}

/** All the combinations that the package supports and that tests prove. */
export const supported = [
  { version: "5", node: "24" },
  { version: "4.1", node: "24" },
  { version: "4.1", node: "20" },
] as const;

/** A real Node-RED in a process of its own. */
export class NodeRed {
  readonly version: "5" | "4.1";
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  readonly userDir: string;
  readonly comms: Comms;
  /** Resolves when the process has ended, however that came about. */
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  readonly #child: ChildProcess;
  readonly #lines: Lines;
  readonly #release: () => Promise<void>;
  #probes = 0;
  #stopped: Promise<Stopped> | undefined;

  private constructor(parts: {
    version: "5" | "4.1";
    port: number;
    child: ChildProcess;
    lines: Lines;
    comms: Comms;
    userDir: string;
    exited: NodeRed["exited"];
    release: () => Promise<void>;
  }) {
    this.version = parts.version;
    this.port = parts.port;
    this.url = `http://127.0.0.1:${parts.port}`;
    this.#child = parts.child;
    this.pid = parts.child.pid ?? 0;
    this.#lines = parts.lines;
    this.comms = parts.comms;
    this.userDir = parts.userDir;
    this.exited = parts.exited;
    this.#release = parts.release;
  }

  /** Starts one and waits until its flows have started (or it said why they cannot). */
  static async start(options: NodeRedOptions = {}): Promise<NodeRed> {
    const { version = "5", node = "24", palette = true, startWithin = 60_000 } = options;
    const binary = node === "24" ? node24 : node20;
    if (!binary) throw new Error(`No Node ${node} here: ${noNode20}`);
    if (version === "5" && node === "20") throw new Error("Node-RED 5 does not run on Node 20");
    const ownDir = options.userDir === undefined ? await tempDir() : undefined;
    const userDir = options.userDir ?? ownDir?.path ?? "";
    if (options.flows) await writeFile(join(userDir, "flows.json"), JSON.stringify(placed(options.flows)));
    // Not one of the system's own choice: until Node-RED listens, it may give the same one to a client.
    const port = await listenerPort();
    const home = join(root, "node_modules", version === "5" ? "node-red" : "node-red-4");
    const settings = { uiPort: port, ...(palette ? { nodesDir: root } : {}), ...options.settings };
    const child = spawn(
      binary,
      [
        ...(options.nodeArgs ?? []),
        join(home, "red.js"),
        ...["-u", userDir, "-s", join(__dirname, "node-red-settings.js")],
      ],
      {
        stdio: ["ignore", "pipe", "pipe", "ipc"],
        env: { ...process.env, ...options.env, HEADRACE_TEST_SETTINGS: JSON.stringify(settings) },
      },
    );
    const lines = new Lines();
    child.stdout?.setEncoding("utf8").on("data", (piece: string) => lines.push(piece));
    child.stderr?.setEncoding("utf8").on("data", (piece: string) => lines.push(piece));
    const exited = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
      child.once("error", (error) => {
        lines.end(error);
        resolve({ code: null, signal: null });
      });
      // 'close' and not 'exit': the last lines of the log are still on their way at 'exit'.
      child.once("close", (code, signal) => {
        lines.end(new Error(`Node-RED ended (code ${code}, signal ${signal})`));
        resolve({ code, signal });
      });
    });
    const forget = onLeftover(`Node-RED ${version}, process ${child.pid}`, async () => {
      child.kill("SIGKILL");
      await exited;
    });
    const release = async () => {
      await exited;
      forget();
      await ownDir?.remove();
    };
    try {
      await lines.find((line) => SETTLED.test(line), 0, startWithin, "start of the flows");
      // The flows may have started before the server listens.
      const comms = await eventually(() => Comms.open(`http://127.0.0.1:${port}`), { within: startWithin });
      return new NodeRed({ version, port, child, lines, comms, userDir, exited, release });
    } catch (error) {
      child.kill("SIGKILL");
      await release();
      const log = lines.all.slice(-40).join("\n");
      throw new Error(`Node-RED ${version} did not start: ${String(error)}\n${log}`, { cause: error });
    }
  }

  /** Every line of its log so far. */
  get logs(): readonly string[] {
    return this.#lines.all;
  }

  /** The first line from a position on that matches, at once if it is there already. */
  async waitForLog(pattern: RegExp, { from = 0, within = 30_000 } = {}): Promise<string> {
    return await this.#lines.find((line) => pattern.test(line), from, within, `log line like ${pattern}`);
  }

  async adminGet<T = unknown>(path: string, headers: Record<string, string> = {}): Promise<T> {
    return (await this.#request("GET", path, undefined, headers)) as T;
  }

  async adminPost<T = unknown>(path: string, body?: unknown, headers: Record<string, string> = {}): Promise<T> {
    return (await this.#request("POST", path, body, headers)) as T;
  }

  async adminPut<T = unknown>(path: string, body?: unknown, headers: Record<string, string> = {}): Promise<T> {
    return (await this.#request("PUT", path, body, headers)) as T;
  }

  /** What is deployed now. */
  async flows(): Promise<FlowNode[]> {
    return (await this.#current()).flows;
  }

  /** What stands in the file, for tests of what survives a restart. */
  async flowFile(): Promise<FlowNode[]> {
    return JSON.parse(await readFile(join(this.userDir, "flows.json"), "utf8")) as FlowNode[];
  }

  /**
   * Deploys as the editor does and waits until it has taken effect: Node-RED answers the request before it has
   * started anything. One deploy at a time.
   */
  async deploy(flows: readonly FlowNode[], type: DeploymentType = "full", { within = 60_000 } = {}): Promise<Deployed> {
    const { rev } = await this.#current();
    const from = this.#lines.all.length;
    const answer = await this.adminPost<{ rev: string }>(
      "/flows",
      { rev, flows: placed(flows) },
      { "Node-RED-API-Version": "v2", "Node-RED-Deployment-Type": type },
    );
    const line = await this.#lines.find((text) => SETTLED.test(text), from, within, "end of the deploy");
    return { rev: answer.rev, started: STARTED.test(line) };
  }

  /** Presses the button of an Inject node. */
  async inject(nodeId: string): Promise<void> {
    await this.adminPost(`/inject/${nodeId}`);
  }

  /** Resident memory in bytes, as the system counts it: asking does not disturb the process. */
  async rss(): Promise<number> {
    const status = await readFile(`/proc/${this.pid}/status`, "utf8");
    const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1];
    if (!kibibytes) throw new Error(`No VmRSS for process ${this.pid}`);
    return Number(kibibytes) * 1024;
  }

  /** Memory, processor time and event-loop delay as the process itself sees them. */
  async probe(options: ProbeOptions = {}, within = 60_000): Promise<Probe> {
    const id = ++this.#probes;
    return await new Promise<Probe>((resolve, reject) => {
      const settle = (action: () => void) => {
        clearTimeout(timer);
        this.#child.off("message", listen);
        this.#child.off("exit", gone);
        action();
      };
      const listen = (message: unknown) => {
        const reply = message as ProbeReply;
        if (reply.probe === id) settle(() => resolve(reply.answer));
      };
      const gone = () => settle(() => reject(new Error("Node-RED ended before it answered")));
      const late = () => settle(() => reject(new Error(`Node-RED did not answer within ${within} ms: it is blocked`)));
      const timer = setTimeout(late, within);
      this.#child.on("message", listen);
      this.#child.once("exit", gone);
      this.#child.send({ ask: "probe", id, ...options });
    });
  }

  /** Asks it to end as a service manager does, and fails unless it ends by itself, in time and with code 0. */
  async stop({ within = 30_000, signal = "SIGTERM" }: StopOptions = {}): Promise<Stopped> {
    this.#stopped ??= this.#stop(within, signal);
    return await this.#stopped;
  }

  /** Ends it without warning, as a crash does. A user directory of its own is deleted with it. */
  async kill(): Promise<void> {
    this.#stopped ??= this.#kill();
    await this.#stopped;
  }

  async #kill(): Promise<Stopped> {
    const begun = performance.now();
    await this.comms.close();
    this.#child.kill("SIGKILL");
    const { code, signal } = await this.exited;
    await this.#release();
    return { code, signal, milliseconds: performance.now() - begun };
  }

  async #stop(within: number, signal: NodeJS.Signals): Promise<Stopped> {
    const begun = performance.now();
    await this.comms.close();
    this.#child.kill(signal);
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      this.#child.kill("SIGKILL");
    }, within);
    const ended = await this.exited;
    clearTimeout(timer);
    const milliseconds = performance.now() - begun;
    await this.#release();
    if (late) throw new Error(`Node-RED did not end within ${within} ms of ${signal}\n${this.#tail()}`);
    if (ended.code !== 0) {
      throw new Error(`Node-RED ended with code ${ended.code}, signal ${ended.signal}\n${this.#tail()}`);
    }
    return { ...ended, milliseconds };
  }

  #tail(): string {
    return this.#lines.all.slice(-40).join("\n");
  }

  async #current(): Promise<{ rev: string; flows: FlowNode[] }> {
    return await this.adminGet<{ rev: string; flows: FlowNode[] }>("/flows", {
      "Node-RED-API-Version": "v2",
    });
  }

  async #request(method: string, path: string, body: unknown, headers: Record<string, string>): Promise<unknown> {
    const response = await fetch(this.url + path, {
      method,
      headers: {
        Accept: "application/json",
        ...(body === undefined ? {} : { "Content-Type": "application/json" }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${text}`);
    return response.headers.get("content-type")?.includes("json") ? JSON.parse(text) : text;
  }
}

/**
 * For use inside describe(): one Node-RED for all its tests, stopped after them. The suite fails when Node-RED does
 * not end properly.
 */
export function useNodeRed(
  options: NodeRedOptions | (() => NodeRedOptions | Promise<NodeRedOptions>) = {},
): () => NodeRed {
  let current: NodeRed | undefined;
  before(async function () {
    this.timeout(120_000);
    current = await NodeRed.start(typeof options === "function" ? await options() : options);
  });
  after(async function () {
    this.timeout(120_000);
    await current?.stop();
  });
  return () => {
    if (!current) throw new Error("Node-RED runs only while the tests of the suite do");
    return current;
  };
}
