import { type ChildProcess, spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { onLeftover } from "../../support/cleanup";
import { Lines } from "../../support/lines";
import { eventually } from "../../support/eventually";
import { freePort } from "../../support/ports";
import { type TempDir, tempDir } from "../../support/temp-dir";
import { MavenJars } from "../maven-jars";

const activeMq = new MavenJars({
  folder: "activemq",
  name: "ActiveMQ 6",
  java: 17,
  mainJar: "activemq-broker-",
});

export const activeMqUnavailable = () => activeMq.unavailable();

/** A real ActiveMQ on loopback that speaks MQTT and keeps nothing on disk. */
export class ActiveMq {
  readonly mqttPort: number;
  readonly #jars: string;
  readonly #home: TempDir;
  #java: ChildProcess | undefined;
  #ended: Promise<void> = Promise.resolve();

  private constructor(jars: string, home: TempDir, mqttPort: number) {
    this.#jars = jars;
    this.#home = home;
    this.mqttPort = mqttPort;
  }

  /** Resolves when it takes connections. */
  static async start(): Promise<ActiveMq> {
    const { jars } = await activeMq.fetch();
    const broker = new ActiveMq(jars, await tempDir(), await freePort());
    await broker.start();
    return broker;
  }

  /** Starts it again on the same port. */
  async start(): Promise<void> {
    const lines = new Lines();
    const java = spawn(
      "java",
      [
        "-Xmx256m",
        ...["-cp", path.join(this.#jars, "*")],
        ...["org.apache.activemq.console.command.ShellCommand", "start"],
        `broker:(mqtt://127.0.0.1:${this.mqttPort})?persistent=false&useJmx=false`,
      ],
      { cwd: this.#home.path, stdio: ["ignore", "pipe", "pipe"] },
    );
    this.#java = java;
    for (const stream of [java.stdout, java.stderr]) {
      stream.setEncoding("utf8").on("data", (piece: string) => lines.push(piece));
    }
    this.#ended = new Promise<void>((resolve) => {
      const end = (error: Error): void => {
        lines.end(error);
        resolve();
      };
      java.once("error", end);
      java.once("close", (code, signal) => end(new Error(`ActiveMQ ended (code ${code}, signal ${signal})`)));
    });
    const forget = onLeftover(`ActiveMQ, process ${java.pid}`, () => this.kill());
    void this.#ended.then(forget);
    try {
      await lines.find((line) => /Apache ActiveMQ .* started/.test(line), 0, 60_000, "start of ActiveMQ");
    } catch (error) {
      await this.kill();
      throw new Error(`ActiveMQ did not start: ${String(error)}\n${lines.all.slice(-40).join("\n")}`, { cause: error });
    }
  }

  /** Ends it as a crash does. */
  async kill(): Promise<void> {
    this.#java?.kill("SIGKILL");
    await this.#ended;
  }

  /** Stops the process where it stands: connections stay open and nothing answers. */
  async freeze(): Promise<void> {
    const pid = this.#java?.pid;
    if (pid === undefined) return;
    this.#java?.kill("SIGSTOP");
    // On a busy machine its threads run on until one of them has had the signal.
    await eventually(async () => /^State:\s+T/m.test(await readFile(`/proc/${pid}/status`, "utf8")), {
      what: "stop of the broker",
    });
  }

  thaw(): void {
    this.#java?.kill("SIGCONT");
  }

  /** For good. */
  async remove(): Promise<void> {
    await this.kill();
    await this.#home.remove();
  }
}
