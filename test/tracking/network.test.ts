import { strict as assert } from "node:assert";
import { createSocket } from "node:dgram";
import { createServer as createHttpServer, type RequestListener, type Server as HttpServer } from "node:http";
import { createServer as createTcpServer, type AddressInfo, type Server, type Socket } from "node:net";
import { tab } from "../support/flow-nodes.js";
import { eventually } from "../support/eventually.js";
import { type FlowNode, supported } from "../support/node-red.js";
import { freePort } from "../support/ports.js";
import { javascript, route, rule } from "./support/core-nodes.js";
import { core, Oracle, type OracleReport } from "./support/oracle.js";

const BATCHES = 10;
const SIZE = 3;
const EVENTS = BATCHES * SIZE;

const httpRequest = (port: number, to = "check"): FlowNode =>
  core("http request", "n", [[to]], {
    method: "POST",
    ret: "txt",
    paytoqs: "ignore",
    url: `http://127.0.0.1:${port}/`,
    persist: false,
    senderr: false,
    headers: [],
  });
/** A connection that was refused goes on as a message too, whose status is a text. */
const answered = route([rule("lt", "600", "num")], { property: "statusCode" }, "check");

async function listening<T extends Server | HttpServer>(server: T, port = 0): Promise<number> {
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

async function closed(server: Server | HttpServer): Promise<void> {
  if ("closeAllConnections" in server) server.closeAllConnections();
  await new Promise<void>((resolve) => server.close(() => resolve()));
}

/** Answers a request with what it was sent, as `answer` says. */
function echo(answer: (body: string, send: (status: number) => void) => void): HttpServer {
  const listener: RequestListener = (request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (piece: string) => (body += piece));
    request.on("end", () => answer(body, (status) => response.writeHead(status).end(body)));
  };
  return createHttpServer(listener);
}

for (const { version, node } of supported) {
  describe(`Tracked paths over the network, Node-RED ${version} on Node ${node}`, function () {
    this.timeout(60_000);
    let oracle: Oracle;

    before(async function () {
      this.timeout(60_000);
      oracle = await Oracle.start({ version, node, flows: [tab()] });
    });
    after(async function () {
      this.timeout(60_000);
      await oracle.stop();
    });

    const run = (id: string, drops = false) => oracle.pass(id, { batches: BATCHES, size: SIZE, drops }, 30_000);

    const allOnce = ({ written }: OracleReport): void => {
      assert.equal(Object.keys(written).length, EVENTS);
      assert.deepEqual(new Set(Object.values(written)), new Set([1]));
    };

    it("HTTP request: settled when what follows the reply is; a status of 500 is a reply", async () => {
      const server = echo((body, send) => setTimeout(() => send(body.endsWith(":1") ? 500 : 200), Math.random() * 20));
      const port = await listening(server);
      try {
        await oracle.deployPath("h", [httpRequest(port), answered]);
        await oracle.shows("h", / tracked$/);
        allOnce(await run("h"));
      } finally {
        await closed(server);
      }
    });

    it("HTTP request that is refused: the event comes again until somebody listens", async () => {
      const port = await freePort();
      await oracle.deployPath("r", [httpRequest(port), answered]);
      await oracle.feed("r", { batches: BATCHES, size: SIZE });
      await oracle.nodeRed.waitForLog(/http request could not handle.*ECONNREFUSED/);
      assert.deepEqual((await oracle.report()).channels["r"]?.committed, []);
      const server = echo((_body, send) => send(200));
      await listening(server, port);
      try {
        allOnce(await oracle.ended("r", BATCHES, 30_000));
      } finally {
        await closed(server);
      }
    });

    it("HTTP request that hangs: the time limit names it, the event comes again; its late reply is not a late send", async () => {
      const seen = new Set<string>();
      const hung: (() => void)[] = [];
      const server = echo((body, send) => {
        if (!body.endsWith(":1") || seen.has(body)) return send(200);
        seen.add(body);
        hung.push(() => send(200));
      });
      const port = await listening(server);
      const from = oracle.nodeRed.logs.length;
      try {
        await oracle.deployPath("w", [httpRequest(port), answered], { settleWithin: 1 });
        const { written } = await run("w");
        assert.equal(Object.keys(written).length, EVENTS);
        assert.equal(hung.length, BATCHES);
        await oracle.nodeRed.waitForLog(/did not arrive within 1 s.*http request/, { from });
        for (const answer of hung) answer();
        await oracle.idle();
        await oracle.shows("w", / tracked$/);
        assert.equal(
          oracle.nodeRed.logs.slice(from).some((line) => /done with/.test(line)),
          false,
        );
      } finally {
        await closed(server);
      }
    });

    it("HTTP in and HTTP response share a Function with a tracked path: each keeps its own", async () => {
      await oracle.deployPath("i", [
        core("http in", "in", [["n"]], { url: "/ask", method: "get", upload: false }),
        javascript(
          "await new Promise((r) => setTimeout(r, Math.random() * 10)); return msg.res ? [{ ...msg, payload: 'answer' }, null] : [null, { payload: msg.payload }];",
          [["out"], ["s"]],
        ),
        core("http response", "out", [], { statusCode: "", headers: {} }),
      ]);
      const asked = Promise.all(
        Array.from({ length: 40 }, async () => await (await fetch(`${oracle.nodeRed.url}/ask`)).text()),
      );
      allOnce(await run("i"));
      assert.deepEqual(new Set(await asked), new Set(["answer"]));
    });

    it("HTTP response, and TCP out: settled at hand-over, and it arrives", async () => {
      const lines = new Set<string>();
      const sockets: Socket[] = [];
      const server = createTcpServer((socket) => {
        sockets.push(socket);
        socket.setEncoding("utf8").on("data", (text: string) => {
          for (const id of text.match(/to:\d+:\d/g) ?? []) lines.add(id);
        });
      });
      const port = await listening(server);
      try {
        await oracle.deployPath("to", [
          javascript("return { ...msg, payload: msg.payload + '\\n' };", [["tcp", "out"]]),
          core("tcp out", "tcp", [], { host: "127.0.0.1", port, beserver: "client", base64: false, end: false }),
          core("http response", "out", [], { statusCode: "", headers: {} }),
        ]);
        await oracle.shows("to", / tracked$/);
        await eventually(() => sockets.length > 0);
        // Connected here does not mean that the node knows already.
        await oracle.nodeRed.comms.waitForStatus("tcp", ({ fill }) => fill === "green");
        await run("to", true);
        await eventually(() => lines.size === EVENTS);
      } finally {
        for (const socket of sockets) socket.destroy();
        await closed(server);
      }
    });

    it("UDP out: settled at hand-over, and it arrives", async () => {
      const socket = createSocket("udp4");
      const got = new Set<string>();
      socket.on("message", (data) => got.add(data.toString()));
      await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
      const from = oracle.nodeRed.logs.length;
      try {
        await oracle.deployPath("u", [
          core("udp out", "n", [], {
            addr: "127.0.0.1",
            port: String(socket.address().port),
            ipv: "udp4",
            outport: "",
            base64: false,
            multicast: "false",
          }),
        ]);
        // The node opens its socket a moment after it was made (32-udp.js).
        await oracle.nodeRed.waitForLog(/\[udp out:n\] udp ready/, { from });
        await run("u", true);
        await eventually(() => got.size === EVENTS);
      } finally {
        socket.close();
      }
    });

    it("TCP request: best effort, said so before anything runs; its replies are late, and counted", async () => {
      const got = new Set<string>();
      const server = createTcpServer((socket) => {
        socket.on("error", () => undefined);
        socket.setEncoding("utf8").on("data", (text: string) => {
          for (const id of text.match(/t:\d+:\d/g) ?? []) got.add(id);
          setTimeout(() => socket.write(text), 50);
        });
      });
      const port = await listening(server);
      const from = oracle.nodeRed.logs.length;
      try {
        await oracle.deployPath("t", [
          core("tcp request", "n", [["s"]], {
            server: "127.0.0.1",
            port: String(port),
            out: "sit",
            ret: "string",
            splitc: " ",
            newline: "",
            trim: false,
            name: "asks",
          }),
        ]);
        await oracle.shows("t", /best effort: asks$/);
        await run("t", true);
        await eventually(() => got.size === EVENTS);
        const warnings = () => oracle.nodeRed.logs.slice(from).filter((line) => /asks.*done with/.test(line));
        await eventually(() => warnings().length === 1);
      } finally {
        await oracle.nodeRed.deploy([tab()]);
        await closed(server);
      }
    });
  });
}
