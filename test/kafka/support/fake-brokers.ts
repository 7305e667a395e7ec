import { once } from "node:events";
import net, { type AddressInfo, type Server, type Socket } from "node:net";
import { WireReader } from "../../../lib/protocols/kafka/kafkajs/wire-reader.js";
import { WireWriter } from "../../../lib/protocols/kafka/kafkajs/wire-writer.js";

/** Kafka protocol guide, "Api Keys" and "Error Codes". */
const [PRODUCE, METADATA, API_VERSIONS] = [0, 3, 18];
const NOT_LEADER_FOR_PARTITION = 6;
/** The one version of each that is spoken here; ApiVersions as it is asked. */
const SPOKEN = { [PRODUCE]: 3, [METADATA]: 1, [API_VERSIONS]: 2 };
/** Bytes of the length before each request and answer. */
const LENGTH = 4;

/** Brokers of one topic, "t", for a producer; nodes are numbered from 1 on. One that does not lead says so. */
export class FakeBrokers {
  /** The leader of each partition: what all nodes tell, and who takes records. */
  leaders: readonly number[];
  /** The leader's error code for a partition; undefined: its answer leaves the partition out. */
  verdict: (partition: number) => number | undefined = () => 0;
  /** Partitions that records came for, and where to: "0 at 1". */
  readonly produced: string[] = [];
  readonly #servers: Server[] = [];
  readonly #sockets = new Map<Socket, number>();

  constructor(leaders: readonly number[]) {
    this.leaders = leaders;
  }

  async start(nodes: number): Promise<void> {
    for (let node = 1; node <= nodes; node++) {
      const server = net.createServer((socket) => this.#connected(node, socket));
      server.listen(0, "127.0.0.1");
      await once(server, "listening");
      this.#servers.push(server);
    }
  }

  /** host:port of each node. */
  get addresses(): string[] {
    return this.#servers.map((server) => `127.0.0.1:${portOf(server)}`);
  }

  /** This node is gone: its connections end, and nobody listens. */
  async kill(node: number): Promise<void> {
    const server = this.#servers[node - 1];
    if (!server?.listening) return;
    const closed = once(server, "close");
    server.close();
    for (const [socket, of] of this.#sockets) if (of === node) socket.destroy();
    await closed;
  }

  async stop(): Promise<void> {
    for (const i of this.#servers.keys()) await this.kill(i + 1);
  }

  #connected(node: number, socket: Socket): void {
    this.#sockets.set(socket, node);
    socket.on("error", () => undefined);
    socket.on("close", () => this.#sockets.delete(socket));
    let rest = Buffer.alloc(0);
    socket.on("data", (piece) => {
      rest = Buffer.concat([rest, piece]);
      while (rest.length >= LENGTH && rest.length >= LENGTH + rest.readInt32BE()) {
        const end = LENGTH + rest.readInt32BE();
        this.#answer(node, new WireReader(rest.subarray(LENGTH, end)), socket);
        rest = rest.subarray(end);
      }
    });
  }

  #answer(node: number, request: WireReader, socket: Socket): void {
    const kind = request.int16();
    request.int16();
    const body = new WireWriter().int32(0).int32(request.int32());
    request.text();
    if (kind === API_VERSIONS) this.#versions(body);
    else if (kind === METADATA) this.#metadata(body);
    else if (kind === PRODUCE) this.#produce(node, request, body);
    else throw new Error(`a request of kind ${kind} is not expected`);
    const { bytes } = body;
    bytes.writeInt32BE(bytes.length - LENGTH);
    socket.write(bytes);
  }

  #versions(body: WireWriter): void {
    const spoken = Object.entries(SPOKEN);
    body.int16(0).int32(spoken.length);
    for (const [key, version] of spoken) body.int16(Number(key)).int16(version).int16(version);
    body.int32(0);
  }

  #metadata(body: WireWriter): void {
    body.int32(this.#servers.length);
    for (const [i, server] of this.#servers.entries()) {
      body
        .int32(i + 1)
        .text("127.0.0.1")
        .int32(server.listening ? portOf(server) : 1)
        .text(null);
    }
    // The controller; then one topic, which is not an internal one.
    body.int32(1).int32(1).int16(0).text("t").int8(0).int32(this.leaders.length);
    for (const [partition, leader] of this.leaders.entries()) {
      body.int16(0).int32(partition).int32(leader).int32(1).int32(leader).int32(1).int32(leader);
    }
  }

  #produce(node: number, request: WireReader, body: WireWriter): void {
    request.text();
    request.int16();
    request.int32();
    const partitions = request
      .list(() => {
        request.text();
        return request.list(() => {
          const partition = request.int32();
          request.block();
          return partition;
        });
      })
      .flat();
    const answers = partitions.flatMap((partition) => {
      this.produced.push(`${partition} at ${node}`);
      const code = this.leaders[partition] === node ? this.verdict(partition) : NOT_LEADER_FOR_PARTITION;
      return code === undefined ? [] : [{ partition, code }];
    });
    body.int32(1).text("t").int32(answers.length);
    // Behind the code: offset, and time of the append.
    for (const { partition, code } of answers) body.int32(partition).int16(code).int64(0).int64(-1);
    body.int32(0);
  }
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}
