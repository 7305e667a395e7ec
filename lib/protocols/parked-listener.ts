import { createServer, type Server, type Socket } from "node:net";
import { HeadraceError, reasonOf } from "../engine/errors.js";

/** How long a listener without an owner waits for the next one, in milliseconds. */
const PARKED_FOR = 2000;
/** Connections that may wait meanwhile; more are refused. */
const MOST_PARKED = 1024;

/** Connections that may arrive at once. The usual 511 makes the rest of a thousand clients try again a second later. */
const BACKLOG = 4096;

type OnConnection = (socket: Socket) => void;

/** A TCP listener that its owner can leave behind for a successor, so that no client is refused in between. */
export interface Listener {
  readonly port: number;
  /** Gives up ownership; connections wait for a successor on the same address for a moment, else it closes. */
  park(): void;
}

class Listening {
  readonly server: Server;
  readonly port: number;
  owner: OnConnection | undefined;
  readonly #key: string;
  readonly #waiting: Socket[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(key: string, port: number) {
    this.#key = key;
    this.port = port;
    // Half open: a client that has sent its last line still gets its replies.
    this.server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, (socket) => {
      if (this.owner) this.owner(socket);
      else this.hold(socket);
    });
  }

  /** Keeps a connection for the next owner. */
  hold(socket: Socket): void {
    if (this.#waiting.length >= MOST_PARKED) {
      socket.destroy();
      return;
    }
    // A client that goes away meanwhile must not end the process; whoever adopts the socket sees that it is closed.
    socket.on("error", () => socket.destroy());
    this.#waiting.push(socket);
  }

  adopt(owner: OnConnection): void {
    clearTimeout(this.#timer);
    this.owner = owner;
    for (const socket of this.#waiting.splice(0)) if (!socket.destroyed) owner(socket);
  }

  park(): void {
    this.owner = undefined;
    this.#timer = setTimeout(() => {
      for (const socket of this.close()) socket.destroy();
    }, PARKED_FOR);
    // Neither the timer nor the listener must keep a process that wants to end.
    this.#timer.unref();
    this.server.unref();
  }

  /** Frees the port at once; returns the connections that wait. */
  close(): readonly Socket[] {
    clearTimeout(this.#timer);
    listening.delete(this.#key);
    this.server.close();
    return this.#waiting.splice(0);
  }
}

const listening = new Map<string, Listening>();

/**
 * Listens on an address, or takes over the listener that another owner parked there. Sockets arrive paused.
 * @throws HeadraceError FLUME_PORT_IN_USE, FLUME_PORT_FORBIDDEN, FLUME_ADDRESS_UNKNOWN
 */
export async function listen(host: string, port: number, onConnection: OnConnection): Promise<Listener> {
  const key = `${host}:${port}`;
  const present = listening.get(key);
  if (present) {
    if (present.owner) throw new HeadraceError("FLUME_PORT_IN_USE", { host, port });
    present.server.ref();
    present.adopt(onConnection);
    return handle(present, port);
  }
  const fresh = new Listening(key, port);
  // The same port on another address (127.0.0.1, then 0.0.0.0) cannot be opened beside the parked one.
  for (const other of listening.values()) {
    if (other.port !== port || other.owner) continue;
    for (const socket of other.close()) fresh.hold(socket);
  }
  let actual: number;
  try {
    actual = await bind(fresh.server, host, port);
  } catch (error) {
    for (const socket of fresh.close()) socket.destroy();
    throw error;
  }
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
    server.listen({ host, port, backlog: BACKLOG }, () => {
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
