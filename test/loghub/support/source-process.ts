import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { onLeftover } from "../../support/cleanup.js";
import { root } from "../../support/machine.js";
import type { Emission, ServiceAddress, SourceSettings } from "./sources.js";

/** The parent's part of the talk with run-source.ts. */
export interface ToSource {
  readonly start?: { readonly service: ServiceAddress; readonly consumer: string; readonly settings: SourceSettings };
  readonly stop?: true;
  /** A batch is accepted. */
  readonly taken?: number;
}

export interface FromSource {
  /** Of the batch. */
  readonly number: number;
  readonly at: number;
  readonly logs: readonly { readonly id: number; readonly shard: number }[];
}

/** A LogHub source in a process of its own. What it hands on is accepted here, as by a sink that keeps it. */
export class SourceProcess {
  readonly consumer: string;
  readonly emissions: Emission[] = [];
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;
  errors = "";

  constructor(service: ServiceAddress, consumer: string, settings: SourceSettings) {
    this.consumer = consumer;
    const started = Date.now();
    const child = fork(join(root, "build", "test", "loghub", "support", "run-source.js"), {
      stdio: ["ignore", "ignore", "pipe", "ipc"],
    });
    this.#child = child;
    this.#ended = once(child, "exit");
    const forget = onLeftover(`LogHub source process ${child.pid}`, () => this.kill());
    void this.#ended.then(forget);
    child.on("error", () => undefined);
    child.stderr?.on("data", (chunk: Buffer) => void (this.errors = (this.errors + chunk.toString()).slice(-10_000)));
    child.on("message", ({ number, at, logs }: FromSource) => {
      for (const log of logs) this.emissions.push({ consumer, started, at, ...log });
      this.#tell({ taken: number });
    });
    this.#tell({ start: { service, consumer, settings } });
  }

  /** Without a chance to say anything to anybody. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    if (this.#child.exitCode === null && this.#child.signalCode === null) await this.#ended;
  }

  /** Stands still, as on a machine that sleeps or swaps, until it is resumed. */
  pause(): void {
    this.#child.kill("SIGSTOP");
  }

  resume(): void {
    this.#child.kill("SIGCONT");
  }

  /** In order; resolves when the process has ended. */
  async stop(): Promise<void> {
    this.#tell({ stop: true });
    await this.#ended;
  }

  #tell(message: ToSource): void {
    if (this.#child.connected) this.#child.send(message, () => undefined);
  }
}
