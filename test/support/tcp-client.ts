import { connect, type Socket } from "node:net";
import { Lines } from "./lines.js";

export interface TcpClient {
  readonly socket: Socket;
  /** Lines received so far, without their line ends. */
  readonly received: readonly string[];
  /** Writes as it is; resolves when the bytes have left this process. */
  write(data: string | Uint8Array): Promise<void>;
  /** Writes a line and its line feed. */
  send(line: string): Promise<void>;
  /** The next line that nobody has read yet. */
  read(within?: number): Promise<string>;
  /** Sends a line, reads one. */
  ask(line: string, within?: number): Promise<string>;
  /** Resolves when the other side has closed the connection. */
  closed(within?: number): Promise<void>;
  /** Says that nothing more will be sent, and waits for the other side to close. */
  end(): Promise<void>;
  /** Drops the connection at once. */
  destroy(): void;
}

/** Opens a connection to a server on this machine that speaks in lines. */
export async function tcpClient(
  port: number,
  { host = "127.0.0.1", encoding = "utf8" }: { host?: string; encoding?: BufferEncoding } = {},
): Promise<TcpClient> {
  const socket = connect({ port, host });
  await new Promise<void>((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("error", reject);
  });
  const lines = new Lines();
  let position = 0;
  socket.setEncoding(encoding);
  socket.setNoDelay(true);
  socket.on("data", (piece: string) => lines.push(piece));
  socket.on("error", (error) => lines.end(error));
  const gone = new Promise<void>((resolve) => {
    socket.once("close", () => {
      lines.end(new Error("the connection was closed"));
      resolve();
    });
  });

  const write = (data: string | Uint8Array) =>
    new Promise<void>((resolve, reject) => {
      socket.write(data, (error) => (error ? reject(error) : resolve()));
    });
  const send = (line: string) => write(`${line}\n`);
  const read = async (within = 30_000) => {
    const mine = position++;
    try {
      return await lines.find(() => true, mine, within, "answer");
    } catch (error) {
      position = mine;
      throw error;
    }
  };
  const closed = async (within = 30_000) => {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`After ${within} ms: the connection is still open`)), within);
    });
    await Promise.race([gone, late]).finally(() => clearTimeout(timer));
  };
  return {
    socket,
    received: lines.all,
    write,
    send,
    read,
    async ask(line, within) {
      await send(line);
      return await read(within);
    },
    closed,
    async end() {
      socket.end();
      await closed();
    },
    destroy: () => void socket.destroy(),
  };
}
