import { createServer } from "node:net";

/**
 * Whether nobody listens on a port of the loopback interface.
 * @param {number} port
 * @returns {Promise<boolean>}
 */
export function isFree(port) {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen({ port, host: "127.0.0.1", exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/** @param {number} wanted */
export async function nextFree(wanted) {
  for (let port = wanted; port < wanted + 100; port++) if (await isFree(port)) return port;
  throw new Error(`Ports ${wanted} to ${wanted + 99} are all taken`);
}
