import { type ChildProcess, spawn } from "node:child_process";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { onLeftover } from "../../support/cleanup";
import { Lines } from "../../support/lines";
import { freePort } from "../../support/ports";
import { tempDir, type TempDir } from "../../support/temp-dir";
import { MavenJars } from "../maven-jars";

const kerby = new MavenJars({
  folder: "kerberos",
  name: "Kerberos key distribution centre",
  java: 11,
  compile: ["kdc/headrace/counterparts/LoopbackKdc.java"],
  mainJar: "kerb-simplekdc-",
});

export const kdcUnavailable = () => kerby.unavailable();

export const REALM = "HEADRACE.TEST";

/** A key distribution centre of the realm `REALM`. */
export interface Kdc {
  /** The krb5.conf that leads to it. */
  readonly conf: string;
  /** Makes these principals, and a file with their keys. @returns its path */
  keyTab(name: string, ...principals: readonly string[]): Promise<string>;
  /** What `kinit` does: a ticket that is good for so many seconds. @returns the path of the credential cache */
  ticket(principal: string, keyTab: string, seconds: number): Promise<string>;
  stop(): Promise<void>;
}

/** Starts Apache Kerby on loopback; resolves when it gives tickets. */
export async function startKdc(): Promise<Kdc> {
  const { jars, classes } = await kerby.fetch();
  const folder = await tempDir();
  const port = await freePort();
  const conf = folder.file("krb5.conf");
  await writeFile(conf, krb5Conf(port));
  const java = spawn(
    "java",
    [
      "-Xmx64m",
      "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
      ...["-cp", [classes, path.join(jars, "*")].join(path.delimiter)],
      "headrace.counterparts.LoopbackKdc",
      ...["--dir", folder.file("kdc"), "--realm", REALM, "--port", String(port)],
    ],
    { cwd: folder.path, stdio: ["pipe", "pipe", "pipe"] },
  );
  const server = new KdcServer(java, folder, conf);
  try {
    await server.ready();
  } catch (error) {
    await server.stop();
    throw error;
  }
  return server;
}

class KdcServer implements Kdc {
  readonly conf: string;
  readonly #java: ChildProcess;
  readonly #folder: TempDir;
  readonly #lines = new Lines();
  readonly #ended: Promise<void>;
  #tickets = 0;

  constructor(java: ChildProcess, folder: TempDir, conf: string) {
    this.conf = conf;
    this.#java = java;
    this.#folder = folder;
    java.stdin?.on("error", () => undefined);
    for (const stream of [java.stdout, java.stderr]) {
      stream?.setEncoding("utf8").on("data", (piece: string) => this.#lines.push(piece));
    }
    this.#ended = new Promise<void>((resolve) => {
      const end = (error: Error): void => {
        this.#lines.end(error);
        resolve();
      };
      java.once("error", end);
      java.once("close", (code, signal) => end(new Error(`the KDC ended (code ${code}, signal ${signal})`)));
    });
    const forget = onLeftover(`KDC, process ${java.pid}`, async () => {
      java.kill("SIGKILL");
      await this.#ended;
    });
    void this.#ended.then(forget);
  }

  async ready(): Promise<void> {
    await this.#lines
      .find((line) => line === "KDC-READY", 0, 60_000, "start of the KDC")
      .catch((error: unknown) => {
        throw new Error(`${String(error)}\n${this.#lines.all.slice(-40).join("\n")}`, { cause: error });
      });
  }

  async keyTab(name: string, ...principals: readonly string[]): Promise<string> {
    const file = this.#folder.file(`${name}.keytab`);
    await this.#tell("keytab", file, ...principals);
    return file;
  }

  async ticket(principal: string, keyTab: string, seconds: number): Promise<string> {
    const cache = this.#folder.file(`ticket-${++this.#tickets}`);
    await this.#tell("ticket", `${principal}@${REALM}`, keyTab, cache, String(seconds));
    return cache;
  }

  async stop(): Promise<void> {
    this.#java.kill("SIGKILL");
    await this.#ended;
    await this.#folder.remove();
  }

  async #tell(...words: readonly string[]): Promise<void> {
    const command = words.join("\t");
    const from = this.#lines.all.length;
    this.#java.stdin?.write(`${command}\n`);
    const matches = (line: string) => line === `KDC-DONE ${command}` || line.startsWith(`KDC-FAILED ${command}`);
    const answer = await this.#lines.find(matches, from, 60_000, `end of "${command}"`);
    if (answer.startsWith("KDC-FAILED")) throw new Error(answer);
  }
}

/** For MIT's library and for Java alike; nothing is asked of a name server. */
function krb5Conf(port: number): string {
  return `[libdefaults]
  default_realm = ${REALM}
  dns_lookup_kdc = false
  dns_lookup_realm = false
  dns_canonicalize_hostname = false
  rdns = false
  udp_preference_limit = 1
[realms]
  ${REALM} = {
    kdc = localhost:${port}
  }
[domain_realm]
  localhost = ${REALM}
`;
}
