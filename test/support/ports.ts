import { createServer, type AddressInfo } from "node:net";

/** Handed out lately: the system may give the same free port twice before the first user has opened it. */
const given = new Set<number>();

/** A TCP port of the loopback interface on which nobody listens. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = await askSystem();
    if (given.has(port)) continue;
    given.add(port);
    return port;
  }
}

function askSystem(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

/**
 * A port below those that the system gives to clients. For listeners that a test closes and opens again, or hammers
 * with connections: a client that connects to a closed port of its own range may connect to itself.
 */
export async function listenerPort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    if (given.has(port) || !(await isFree(port))) continue;
    given.add(port);
    return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
