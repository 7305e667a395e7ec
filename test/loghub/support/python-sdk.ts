import { spawn, type ChildProcess } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { PythonPackages } from "../../counterparts/python-packages.js";
import { onLeftover } from "../../support/cleanup.js";
import { root } from "../../support/machine.js";
import { skip } from "../../support/skip.js";
import type { LogService } from "../emulator/log-service.js";

const sdk = new PythonPackages("log-service-sdk", "the official Python client of Log Service");

/** Where the official client is for Python, fetched at first use. Skips the suite on a machine that cannot have it. */
export async function sdkPackages(context: Mocha.Context): Promise<string> {
  const reason = await sdk.unavailable();
  if (reason !== undefined) skip(context, reason);
  return sdk.fetch();
}

export type AuthVersion = "v1" | "v4";

/** What the official client says went wrong. */
export class SdkError extends Error {
  readonly code: string;
  readonly status: number;

  constructor(code: string, status: number, message: string) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

class PythonProcess {
  readonly child: ChildProcess;
  readonly ended: Promise<number | null>;
  errors = "";

  constructor(packages: string, script: string, settings: object, hear: (line: string) => void) {
    const child = spawn("python3", ["-W", "ignore", join(root, "test", "loghub", "python-sdk", script)], {
      env: { ...process.env, PYTHONPATH: packages, PYTHONDONTWRITEBYTECODE: "1" },
    });
    this.child = child;
    const forget = onLeftover(`Python process ${child.pid}`, async () => {
      child.kill("SIGKILL");
    });
    this.ended = new Promise((resolve) => {
      child.once("close", (code) => {
        forget();
        resolve(code);
      });
      child.once("error", () => resolve(null));
    });
    child.stdin.on("error", () => undefined);
    child.stderr.on("data", (chunk: Buffer) => void (this.errors = (this.errors + chunk.toString()).slice(-10_000)));
    createInterface({ input: child.stdout }).on("line", hear);
    this.write(settings);
  }

  write(value: unknown): void {
    this.child.stdin?.write(`${JSON.stringify(value)}\n`);
  }

  /** Its input ends; the process stops in order. */
  async stop(): Promise<void> {
    this.child.stdin?.end();
    await this.ended;
  }
}

/** The official client, one call after the other. */
export class SdkClient {
  readonly #process: PythonProcess;
  readonly #waiting: { resolve(value: unknown): void; reject(error: Error): void }[] = [];

  constructor(packages: string, service: LogService, auth: AuthVersion, key = service.key) {
    const { endpoint, project, logstore, region } = service;
    const settings = { endpoint, project, logstore, region, auth, id: key.id, secret: key.secret, token: key.token };
    this.#process = new PythonProcess(packages, "client.py", settings, (line) => this.#hear(line));
    void this.#process.ended.then(() => {
      for (const { reject } of this.#waiting.splice(0)) reject(new Error(`Python ended: ${this.#process.errors}`));
    });
  }

  call<T = unknown>(call: string, parameters: object = {}): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#process.write({ call, ...parameters });
    });
  }

  stop(): Promise<void> {
    return this.#process.stop();
  }

  #hear(line: string): void {
    const { ok, error, status, message } = JSON.parse(line) as {
      ok?: unknown;
      error?: string;
      status?: number;
      message?: string;
    };
    const waiting = this.#waiting.shift();
    if (error === undefined) waiting?.resolve(ok);
    else waiting?.reject(new SdkError(error, status ?? 0, message ?? ""));
  }
}

/** What a process of the official consumer library did with a shard. Times are milliseconds since 1970. */
export type WorkerEvent =
  | { readonly begun: number; readonly at: number }
  | { readonly shard: number; readonly ids: readonly string[]; readonly at: number }
  | { readonly ended: number; readonly at: number };

export class SdkWorker {
  readonly name: string;
  readonly events: WorkerEvent[] = [];
  readonly #process: PythonProcess;

  constructor(
    packages: string,
    service: LogService,
    options: { consumer: string; group: string; auth: AuthVersion; heartbeat: number; inOrder: boolean },
  ) {
    this.name = options.consumer;
    const { endpoint, project, logstore, region, key } = service;
    const settings = {
      ...{ endpoint, project, logstore, region, id: key.id, secret: key.secret },
      ...options,
      in_order: options.inOrder,
    };
    this.#process = new PythonProcess(packages, "worker.py", settings, (line) => {
      this.events.push(JSON.parse(line) as WorkerEvent);
    });
  }

  get errors(): string {
    return this.#process.errors;
  }

  /** Ids of all logs handed to the processor, as often as they were. */
  get ids(): readonly string[] {
    return this.events.flatMap((event) => ("ids" in event ? event.ids : []));
  }

  stop(): Promise<void> {
    return this.#process.stop();
  }
}
