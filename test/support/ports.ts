import { createServer } from "node:net";

/** Handed out by this process: what is to listen there may not do so yet. */
const given = new Set<number>();

/** Below those that systems give to clients: Linux from 32768 on, macOS and Windows from 49152 on. */
const FIRST = 20_000;
const LAST = 31_999;

/**
 * A TCP port of the loopback interface on which nobody listens. Not one of the system's own choice: it might give the same
 * one to a client before a slow server has opened it, and a client that connects to a closed port of its own range
 * may connect to itself.
 */
export async function listenerPort(): Promise<number> {
  for (;;) {
    const port = FIRST + Math.floor(Math.random() * (LAST - FIRST + 1));
    if (given.has(port) || !(await isFree(port))) continue;
    given.add(port);
    return port;
  }
}

export { listenerPort as freePort };

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
