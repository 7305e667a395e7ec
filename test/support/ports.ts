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
