import { type ChildProcess, execFile, spawn } from "node:child_process";
import { chmod, chown, copyFile, readdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import { onLeftover } from "../../support/cleanup";
import { Lines } from "../../support/lines";
import { listenerPort } from "../../support/ports";
import { type TempDir, tempDir } from "../../support/temp-dir";

const run = promisify(execFile);

/** Where Debian puts what is not in the PATH. */
const DEBIAN = "/usr/lib/postgresql";
/** PostgreSQL refuses to run as root: it runs as "nobody" then. */
const UNPRIVILEGED = { uid: 65534, gid: 65534 };
const USER = "flume";
export const DATABASE = "flume";

export interface PostgresqlOptions {
  /** A free port when absent. */
  readonly port?: number;
  /** Lines of postgresql.conf. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Every login needs this password (SCRAM); without it, none does. */
  readonly password?: string;
  /** Files of a certificate for 127.0.0.1 and its key: the server offers TLS. */
  readonly tls?: { readonly certificate: string; readonly key: string };
}

/** A real PostgreSQL on loopback. */
export interface PostgresqlServer {
  readonly port: number;
  readonly user: string;
  readonly password: string | undefined;
  /** For driver.url. */
  readonly url: string;
  readonly logs: readonly string[];
  /** Starts it again with what is in its files. */
  start(): Promise<void>;
  /** Ends it as an operator does who is in a hurry: transactions under way are rolled back. */
  stop(): Promise<void>;
  /** Ends it as a crash does: the first process with SIGKILL; the others end by themselves. */
  kill(): Promise<void>;
  /** Stops every process of it where it stands: connections stay open and nothing answers. */
  freeze(): Promise<void>;
  thaw(): Promise<void>;
  /** Stops it for good and deletes its files. */
  remove(): Promise<void>;
}

/** Why there can be no PostgreSQL on this machine, in words for a person; undefined when there can. */
export async function postgresqlUnavailable(): Promise<string | undefined> {
  if (!(await binaries())) return `a real PostgreSQL needs "initdb" and "postgres" in the PATH or in ${DEBIAN}/*/bin`;
  if (process.getuid?.() === 0 && !(await canRun("setpriv")))
    return 'PostgreSQL does not run as root, and there is no "setpriv"';
  return undefined;
}

export async function startPostgresql(options: PostgresqlOptions = {}): Promise<PostgresqlServer> {
  const found = await binaries();
  if (!found) throw new Error("There is no PostgreSQL on this machine");
  const folder = await tempDir();
  const server = new Server(found, folder, options.port ?? (await listenerPort()), options);
  try {
    await server.initialise();
    await server.start();
    await server.createDatabase();
    return server;
  } catch (error) {
    await server.remove();
    throw error;
  }
}

async function binaries(): Promise<string | undefined> {
  const versions = await readdir(DEBIAN).catch(() => [] as string[]);
  const newestFirst = versions
    .toSorted((a, b) => Number(b) - Number(a))
    .map((version) => path.join(DEBIAN, version, "bin"));
  for (const folder of [...newestFirst, ...(process.env["PATH"] ?? "").split(":")]) {
    if ((await canRun(path.join(folder, "initdb"))) && (await canRun(path.join(folder, "postgres")))) return folder;
  }
  return undefined;
}

async function canRun(command: string): Promise<boolean> {
  return run(command, ["--version"]).then(
    () => true,
    () => false,
  );
}

class Server implements PostgresqlServer {
  readonly port: number;
  readonly user = USER;
  readonly #binaries: string;
  readonly #folder: TempDir;
  readonly #options: PostgresqlOptions;
  #lines = new Lines();
  #process: ChildProcess | undefined;
  #ended: Promise<void> = Promise.resolve();

  constructor(found: string, folder: TempDir, port: number, options: PostgresqlOptions) {
    this.#binaries = found;
    this.#folder = folder;
    this.port = port;
    this.#options = options;
  }

  get password(): string | undefined {
    return this.#options.password;
  }

  get url(): string {
    return `jdbc:postgresql://127.0.0.1:${this.port}/${DATABASE}`;
  }

  get logs(): readonly string[] {
    return this.#lines.all;
  }

  get #data(): string {
    return this.#folder.file("data");
  }

  async initialise(): Promise<void> {
    const { password, tls } = this.#options;
    // The unprivileged user has to get there.
    await chmod(this.#folder.path, 0o755);
    const home = this.#folder.file("home");
    await run("mkdir", ["-p", home, this.#data]);
    await this.#give(home, this.#data);
    const passwordFile = path.join(home, "password");
    if (password !== undefined) await writeFile(passwordFile, password);
    const login = password === undefined ? ["-A", "trust"] : ["-A", "scram-sha-256", `--pwfile=${passwordFile}`];
    await this.#run("initdb", ["-D", this.#data, "-U", USER, "-N", "-E", "UTF8", "--locale=C.UTF-8", ...login]);
    if (!tls) return;
    for (const [from, name] of [
      [tls.certificate, "server.crt"],
      [tls.key, "server.key"],
    ] as const) {
      const to = path.join(this.#data, name);
      await copyFile(from, to);
      await chmod(to, 0o600);
      await this.#give(to);
    }
  }

  async createDatabase(): Promise<void> {
    const { password } = this.#options;
    await run(
      path.join(this.#binaries, "createdb"),
      ["-h", this.#folder.file("home"), "-p", String(this.port), "-U", USER, DATABASE],
      { env: { ...process.env, ...(password === undefined ? {} : { PGPASSWORD: password }) } },
    );
  }

  async start(): Promise<void> {
    if (this.#process) return;
    const lines = new Lines();
    this.#lines = lines;
    const settings = {
      listen_addresses: "127.0.0.1",
      port: String(this.port),
      unix_socket_directories: this.#folder.file("home"),
      max_connections: "20",
      shared_buffers: "16MB",
      ssl: this.#options.tls ? "on" : "off",
      ...this.#options.settings,
    };
    const args = ["-D", this.#data, ...Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`])];
    const [command = "", ...rest] = this.#command("postgres", args);
    const server = spawn(command, rest, { stdio: ["ignore", "pipe", "pipe"] });
    this.#process = server;
    for (const stream of [server.stdout, server.stderr]) {
      stream.setEncoding("utf8").on("data", (piece: string) => lines.push(piece));
    }
    this.#ended = new Promise((resolve) => {
      const ended = (error: Error) => {
        lines.end(error);
        if (this.#process === server) this.#process = undefined;
        resolve();
      };
      server.once("error", ended);
      server.once("close", (code, signal) => ended(new Error(`PostgreSQL ended (code ${code}, signal ${signal})`)));
    });
    const forget = onLeftover(`PostgreSQL, process ${server.pid}`, async () => {
      server.kill("SIGKILL");
      await this.#ended;
    });
    void this.#ended.then(forget);
    try {
      await lines.find(
        (line) => line.includes("database system is ready to accept connections"),
        0,
        60_000,
        "PostgreSQL",
      );
    } catch (error) {
      server.kill("SIGKILL");
      await this.#ended;
      throw new Error(`PostgreSQL did not start: ${String(error)}\n${lines.all.slice(-40).join("\n")}`, {
        cause: error,
      });
    }
  }

  async stop(): Promise<void> {
    this.#process?.kill("SIGINT");
    await this.#ended;
  }

  async kill(): Promise<void> {
    this.#process?.kill("SIGKILL");
    // The pipe is closed when the last of its processes has ended.
    await this.#ended;
  }

  async freeze(): Promise<void> {
    for (const pid of await this.#processes()) process.kill(pid, "SIGSTOP");
  }

  async thaw(): Promise<void> {
    for (const pid of await this.#processes()) process.kill(pid, "SIGCONT");
  }

  async remove(): Promise<void> {
    await this.kill();
    await this.#folder.remove();
  }

  async #processes(): Promise<number[]> {
    const pid = this.#process?.pid;
    if (pid === undefined) return [];
    const { stdout } = await run("ps", ["-o", "pid=", "--ppid", String(pid)]);
    return [pid, ...stdout.trim().split(/\s+/).filter(Boolean).map(Number)];
  }

  async #run(name: string, args: readonly string[]): Promise<void> {
    const [command = "", ...rest] = this.#command(name, args);
    await run(command, rest);
  }

  /** setpriv becomes the command, so that signals reach it. */
  #command(name: string, args: readonly string[]): string[] {
    const command = [path.join(this.#binaries, name), ...args];
    if (process.getuid?.() !== 0) return command;
    const { uid, gid } = UNPRIVILEGED;
    return ["setpriv", `--reuid=${uid}`, `--regid=${gid}`, "--clear-groups", ...command];
  }

  async #give(...paths: readonly string[]): Promise<void> {
    if (process.getuid?.() !== 0) return;
    for (const each of paths) await chown(each, UNPRIVILEGED.uid, UNPRIVILEGED.gid);
  }
}
