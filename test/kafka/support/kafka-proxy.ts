import { once } from "node:events";
import net, { type AddressInfo, type Socket } from "node:net";

/** Numbers of requests: Kafka protocol guide, "Api Keys". */
export const OFFSET_COMMIT = 8;

/** Length, and what kind of request it is. */
const HEAD = 6;

/** Stands between clients and the one broker of a cluster, and holds up or breaks what it is told to. */
export class KafkaProxy {
  /** Where the broker listens. */
  target = 0;
  readonly #server = net.createServer((client) => this.#connect(client));
  readonly #sockets = new Set<Socket>();
  readonly #kept = new Set<number>();
  #held: { readonly far: Socket; readonly request: Buffer }[] = [];
  #refusing = false;

  static async start(): Promise<KafkaProxy> {
    const proxy = new KafkaProxy();
    proxy.#server.listen(0, "127.0.0.1");
    await once(proxy.#server, "listening");
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Requests that do not reach the broker before `release`; with their connection they are gone. */
  get held(): number {
    return this.#held.length;
  }

  /** From now on requests of this kind stay here. */
  hold(api: number): void {
    this.#kept.add(api);
  }

  release(): void {
    this.#kept.clear();
    for (const { far, request } of this.#held.splice(0)) far.write(request);
  }

  /** Whether every connection is cut, and none accepted. */
  refuse(on: boolean): void {
    this.#refusing = on;
    if (on) for (const socket of this.#sockets) socket.destroy();
  }

  async close(): Promise<void> {
    this.refuse(true);
    this.#server.close();
    await once(this.#server, "close");
  }

  #connect(client: Socket): void {
    if (this.#refusing) {
      client.destroy();
      return;
    }
    const far = net.connect(this.target, "127.0.0.1");
    for (const [socket, other] of [
      [client, far],
      [far, client],
    ] as const) {
      this.#sockets.add(socket);
      socket.setNoDelay(true);
      socket.on("error", () => undefined);
      socket.on("close", () => {
        this.#sockets.delete(socket);
        this.#held = this.#held.filter((one) => one.far !== far);
        other.destroy();
      });
    }
    far.pipe(client);
    let rest: Buffer = Buffer.alloc(0);
    client.on("data", (piece: Buffer) => {
      rest = rest.length === 0 ? piece : Buffer.concat([rest, piece]);
      while (rest.length >= HEAD) {
        const end = 4 + rest.readUInt32BE(0);
        if (rest.length < end) return;
        const request = rest.subarray(0, end);
        rest = rest.subarray(end);
        if (this.#kept.has(request.readUInt16BE(4))) this.#held.push({ far, request });
        else far.write(request);
      }
    });
  }
}
