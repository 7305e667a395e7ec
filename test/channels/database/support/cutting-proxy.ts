import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** Stands before a server, and loses its answers when told to. */
export interface CuttingProxy {
  readonly port: number;
  /** The next time that the client has sent `text`, the answer is lost: the connection is cut once it has come. */
  loseAnswerTo(text: string): void;
  /** Answers lost so far. */
  readonly lost: number;
  close(): Promise<void>;
}

export async function startCuttingProxy(target: number): Promise<CuttingProxy> {
  const sockets = new Set<Socket>();
  let wanted: string | undefined;
  let lost = 0;
  const server = createServer((client) => {
    const far = connect(target, "127.0.0.1");
    let losing = false;
    for (const socket of [client, far]) {
      sockets.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => {
        sockets.delete(socket);
        client.destroy();
        far.destroy();
      });
    }
    client.on("data", (data) => {
      if (wanted !== undefined && data.includes(wanted)) {
        wanted = undefined;
        losing = true;
      }
      far.write(data);
    });
    far.on("data", (data) => {
      if (!losing) {
        client.write(data);
        return;
      }
      // The server has done it, and nobody hears of that. An answer may come in pieces.
      if (!client.destroyed) lost++;
      client.destroy();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    loseAnswerTo: (text) => void (wanted = text),
    get lost() {
      return lost;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
