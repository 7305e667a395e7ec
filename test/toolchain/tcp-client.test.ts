import { strict as assert } from "node:assert";
import { createServer, type AddressInfo, type Server } from "node:net";
import { listenerPort } from "../support/ports.js";
import { tcpClient } from "../support/tcp-client.js";

describe("harness: the line client", () => {
  let server: Server;
  let port: number;

  beforeEach(async () => {
    // Answers in two pieces, so that lines are put together from packets.
    server = createServer((socket) => {
      socket.setEncoding("utf8").on("data", (text: string) => {
        socket.write(text.toUpperCase().slice(0, 2));
        setTimeout(() => socket.write(text.toUpperCase().slice(2)), 5);
      });
    });
    server.listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    port = (server.address() as AddressInfo).port;
  });
  afterEach(() => void server.close());

  it("asks and reads in order", async () => {
    const client = await tcpClient(port);
    assert.equal(await client.ask("hello"), "HELLO");
    await client.write("a1\r\nb2\r\n");
    assert.deepEqual([await client.read(), await client.read()], ["A1", "B2"]);
    await client.end();
  });

  it("says when no answer comes, and loses none that comes late", async () => {
    const client = await tcpClient(port);
    await assert.rejects(client.read(20), /After 20 ms: no answer/);
    assert.equal(await client.ask("late"), "LATE");
    client.destroy();
    await client.closed();
    await assert.rejects(client.read(), /closed before answer/);
  });

  it("refuses where nobody listens", async () => {
    await assert.rejects(tcpClient(await listenerPort()), /ECONNREFUSED/);
  });
});
