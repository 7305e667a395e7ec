import { createServer, type Server, type Socket } from "node:net";
import { HeadraceError, reasonOf } from "../engine/errors.js";

/** How long a listener without an owner waits for the next one, in milliseconds. */
const PARKED_FOR = 2000;
/** Connections that may wait meanwhile; more are refused. */
const MOST_PARKED = 1024;

type OnConnection = (socket: Socket) => void;

/** A TCP listener that its owner can leave behind for a successor, so that no client is refused in between. */
export interface Listener {
  readonly port: number;
  /** Gives up ownership; connections wait for a successor on the same address for a moment, else it closes. */
  park(): void;
}

class Listening {
  readonly server: Server;
  owner: OnConnection | undefined;
  readonly #key: string;
  readonly #waiting: Socket[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(key: string) {
    this.#key = key;
    // Half open: a client that has sent its last line still gets its replies.
    this.server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, (socket) => {
      if (this.owner) this.owner(socket);
      else if (this.#waiting.length < MOST_PARKED) this.#waiting.push(socket);
      else socket.destroy();
    });
  }

  adopt(owner: OnConnection): void {
    clearTimeout(this.#timer);
    this.owner = owner;
    for (const socket of this.#waiting.splice(0)) if (!socket.destroyed) owner(socket);
  }

  park(): void {
    this.owner = undefined;
    this.#timer = setTimeout(() => this.#close(), PARKED_FOR);
    // Neither the timer nor the listener must keep a process that wants to end.
    this.#timer.unref();
    this.server.unref();
  }

  #close(): void {
    listening.delete(this.#key);
    this.server.close();
    for (const socket of this.#waiting.splice(0)) socket.destroy();
  }
}

const listening = new Map<string, Listening>();

/**
 * Listens on an address, or takes over the listener that another owner parked there. Sockets arrive paused.
 * @throws HeadraceError FLUME_PORT_IN_USE, FLUME_PORT_FORBIDDEN, FLUME_ADDRESS_UNKNOWN
 */
export async function listen(host: string, port: number, onConnection: OnConnection): Promise<Listener> {
  const key = `${host}:${port}`;
  const parked = listening.get(key);
  if (parked) {
    if (parked.owner) throw new HeadraceError("FLUME_PORT_IN_USE", { host, port });
    parked.server.ref();
    parked.adopt(onConnection);
    return handle(parked, port);
  }
  const fresh = new Listening(key);
  const actual = await bind(fresh.server, host, port);
  // Port 0 means any free one: there is no address for a successor to name.
  if (port !== 0) listening.set(key, fresh);
  fresh.adopt(onConnection);
  return handle(fresh, actual);
}

function handle(one: Listening, port: number): Listener {
  return { port, park: () => one.park() };
}

function bind(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => reject(bindError(error, host, port)));
    server.listen({ host, port }, () => {
      server.removeAllListeners("error");
      // After that errors concern single connections (too many open files); the client sees them.
      server.on("error", () => undefined);
      const address = server.address();
      resolve(typeof address === "object" && address ? address.port : port);
    });
  });
}

function bindError(error: NodeJS.ErrnoException, host: string, port: number): HeadraceError {
  switch (error.code) {
    case "EADDRINUSE":
      return new HeadraceError("FLUME_PORT_IN_USE", { host, port }, error);
    case "EACCES":
      return new HeadraceError("FLUME_PORT_FORBIDDEN", { host, port }, error);
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return new HeadraceError("FLUME_ADDRESS_UNKNOWN", { host }, error);
    default:
      return new HeadraceError("FLUME_START_FAILED", { reason: reasonOf(error), seconds: 3 }, error);
  }
}
