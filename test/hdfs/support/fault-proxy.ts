import {
  createServer as createHttpServer,
  request,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import { connect, createServer, type AddressInfo, type Server as TcpServer, type Socket } from "node:net";

/** What happens to one upload of bytes to a data node. */
export type UploadFault =
  /** The connection is cut when so many bytes of the request have passed. */
  | { readonly cutAfter: number }
  /** The data node gets all of it; its answer never arrives. */
  | { readonly swallowAnswer: true };

/** Stands before a name node and its data nodes, and breaks connections when told to. */
export interface FaultProxy {
  readonly url: string;
  /** For the next uploads, one each. */
  failUploads(...faults: UploadFault[]): void;
  /** The next requests of this operation are carried out, and their answers lost. */
  swallowAnswersOf(operation: string, times: number): void;
  /** Whether the name node's address breaks every connection. */
  refuse(on: boolean): void;
  /** Connections to data nodes: one for each upload. */
  readonly uploads: number;
  /** Uploads that a fault has hit. */
  readonly hit: number;
  close(): Promise<void>;
}

export async function startFaultProxy(nameNode: string): Promise<FaultProxy> {
  const uploads: UploadFault[] = [];
  const swallowed = new Map<string, number>();
  const dataNodes = new Map<string, Promise<number>>();
  const servers: (Server | TcpServer)[] = [];
  const sockets = new Set<Socket>();
  let hit = 0;
  let refusing = false;
  let begun = 0;

  /** A port that leads to a data node. */
  const portTo = (host: string): Promise<number> => {
    const known = dataNodes.get(host);
    if (known) return known;
    const [name, port] = host.split(":");
    const server = createServer((client) => {
      begun++;
      const fault = uploads.shift();
      if (fault) hit++;
      const far = connect(Number(port), name);
      for (const socket of [client, far]) {
        sockets.add(socket);
        socket.on("error", () => undefined);
        socket.on("close", () => {
          sockets.delete(socket);
          client.destroy();
          // What the client sent goes on to the data node, unless the fault is that it does not.
          if (socket === client && fault && "swallowAnswer" in fault) far.end();
          else far.destroy();
        });
      }
      let passed = 0;
      client.on("data", (bytes: Buffer) => {
        const left = fault && "cutAfter" in fault ? fault.cutAfter - passed : Number.POSITIVE_INFINITY;
        passed += bytes.length;
        far.write(bytes.subarray(0, Math.max(0, Math.min(left, bytes.length))));
        if (passed >= (fault && "cutAfter" in fault ? fault.cutAfter : Number.POSITIVE_INFINITY)) {
          // Gone on both sides, after what has been let through.
          far.end();
          client.destroy();
        }
      });
      far.on("data", (bytes: Buffer) => {
        const isAnswer = !bytes.toString("latin1").startsWith("HTTP/1.1 100");
        if (fault && "swallowAnswer" in fault && isAnswer) client.destroy();
        else client.write(bytes);
      });
      far.on("end", () => client.end());
      client.on("end", () => far.end());
    });
    const listening = listen(server);
    servers.push(server);
    dataNodes.set(host, listening);
    return listening;
  };

  const forward = (question: IncomingMessage, answer: ServerResponse) => {
    if (refusing) {
      answer.destroy();
      return;
    }
    const onward = request(new URL(question.url ?? "/", nameNode), {
      method: question.method,
      headers: question.headers,
    });
    onward.on("error", () => answer.destroy());
    onward.on("response", (reply) => {
      const operation = new URL(question.url ?? "/", nameNode).searchParams.get("op") ?? "";
      const times = swallowed.get(operation) ?? 0;
      if (times > 0) {
        swallowed.set(operation, times - 1);
        reply.resume();
        answer.destroy();
        return;
      }
      void (async () => {
        const headers = { ...reply.headers };
        if (headers.location !== undefined) {
          const location = new URL(headers.location);
          location.host = `localhost:${await portTo(location.host)}`;
          headers.location = location.href;
        }
        answer.writeHead(reply.statusCode ?? 500, headers);
        reply.pipe(answer);
      })();
    });
    question.pipe(onward);
  };

  const server = createHttpServer(forward);
  servers.push(server);
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  const port = await listen(server);
  return {
    url: `http://localhost:${port}`,
    failUploads: (...faults) => void uploads.push(...faults),
    swallowAnswersOf: (operation, times) => void swallowed.set(operation, times),
    refuse: (on) => void (refusing = on),
    get uploads() {
      return begun;
    },
    get hit() {
      return hit;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await Promise.all(servers.map((one) => new Promise((resolve) => one.close(resolve))));
    },
  };
}

function listen(server: Server | TcpServer): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, "localhost", () => resolve((server.address() as AddressInfo).port));
  });
}
