import { strict as assert } from "node:assert";
import { connect, type Socket } from "node:net";
import { batchOf } from "../../lib/engine/batch.js";
import { Counters } from "../../lib/engine/counters.js";
import { createEvent } from "../../lib/engine/event.js";
import { channelFull } from "../../lib/engine/errors.js";
import { DeliveryLane } from "../../lib/engine/lane.js";
import { NEVER } from "../../lib/engine/delivery.js";
import { MemoryChannel } from "../../nodes/channels/memory/memory-channel.js";
import { type NetcatSettings, NetcatSource } from "../../nodes/sources/netcat/netcat-source.js";
import { testContext } from "../support/component-context.js";
import { eventually } from "../support/eventually.js";
import { Gate } from "../support/gate.js";
import { TestOutlet } from "../support/outlets.js";
import { memoryInUse } from "../support/memory-in-use.js";
import { listenerPort } from "../support/ports.js";
import { assertSameLines } from "../support/test-palette.js";
import { tcpClient } from "../support/tcp-client.js";

const TOO_LONG = "FAILED: Event exceeds the maximum length (512 chars, including newline)";
const FULL =
  "FAILED: Space for commit to queue couldn't be acquired. Sinks are likely not keeping up with sources, or the buffer size is too tight.";

describe("netcat source", () => {
  let port = 0;
  let out: TestOutlet;
  let context: ReturnType<typeof testContext>;
  let source: NetcatSource | undefined;
  const clients: { destroy(): void }[] = [];

  const start = async (settings: Partial<NetcatSettings> = {}) => {
    source = new NetcatSource(
      { bind: "127.0.0.1", port, maxLineLength: 512, ackEveryEvent: true, encoding: "utf-8", ...settings },
      context,
    );
    await source.start(out);
  };
  const client = async (encoding: BufferEncoding = "utf8") => {
    const one = await tcpClient(port, { encoding });
    clients.push(one);
    return one;
  };
  const open = () => context.counters.get("OpenConnectionCount");

  beforeEach(async () => {
    port = await listenerPort();
    out = new TestOutlet();
    context = testContext();
  });
  afterEach(async () => {
    for (const one of clients.splice(0)) one.destroy();
    await source?.stop();
    assert.equal(open(), 0);
    source = undefined;
  });

  describe("lines", () => {
    it("are cut at line feeds, wherever packets are cut", async () => {
      await start();
      const text = Buffer.from("first\n\nzweite größer\r\n\u{1f600} fourth\nrest without end");
      const expected = ["first", "", "zweite größer\r", "\u{1f600} fourth"];
      for (let cut = 0; cut <= text.length; cut++) {
        out.accepted.length = 0;
        const one = await client();
        await one.write(text.subarray(0, cut));
        // So that the pieces do not travel together.
        if (cut > 0) await new Promise((resolve) => setTimeout(resolve, 2));
        await one.write(text.subarray(cut));
        for (let i = 0; i < 4; i++) assert.equal(await one.read(), "OK");
        await one.end();
        assert.deepEqual(out.bodies, expected, `cut at ${cut}`);
      }
    });

    it("may come byte by byte", async () => {
      await start();
      const one = await client();
      for (const byte of Buffer.from("añ\nb\n")) {
        await one.write(Buffer.from([byte]));
        await new Promise((resolve) => setImmediate(resolve));
      }
      assert.deepEqual([await one.read(), await one.read()], ["OK", "OK"]);
      assert.deepEqual(out.bodies, ["añ", "b"]);
    });

    it("carry no headers, and text behind the last line feed is no line", async () => {
      await start();
      const one = await client();
      await one.write("line\nno line");
      await one.end();
      assert.deepEqual(one.received, ["OK"]);
      assert.deepEqual(out.bodies, ["line"]);
      assert.deepEqual(Object.keys(out.accepted[0]?.at(0).headers ?? { none: "" }), []);
    });

    it("are answered in order, many to a packet", async () => {
      await start();
      out.limits = { events: 100, bytes: Number.POSITIVE_INFINITY };
      const one = await client();
      const lines = Array.from({ length: 20_000 }, (_, i) => `line ${i}`);
      void one.write(`${lines.join("\n")}\n`);
      for (const line of lines) assert.equal(await one.read(), "OK", line);
      assertSameLines(out.bodies, lines);
    });

    it("are not answered with acknowledgements off, except for those that fail", async () => {
      await start({ ackEveryEvent: false });
      out.rejections.push(undefined, channelFull(1, 3));
      const one = await client();
      await one.send("accepted");
      await eventually(() => out.events === 1);
      await one.send("rejected");
      assert.equal(await one.read(), FULL);
      await one.end();
      assert.deepEqual(one.received, [FULL]);
    });
  });

  describe("the longest line", () => {
    it("has 511 characters, with or without its carriage return", async () => {
      await start();
      const one = await client();
      assert.equal(await one.ask("x".repeat(511)), "OK");
      assert.equal(await one.ask(`${"y".repeat(510)}\r`), "OK");
      assert.deepEqual(
        out.bodies.map((body) => body.length),
        [511, 511],
      );
    });

    for (const [what, text] of [
      ["512 characters and a line feed", `${"x".repeat(512)}\n`],
      ["512 characters before any line feed came", "x".repeat(512)],
      ["two packets", ["x".repeat(300), "x".repeat(212)]],
    ] as const) {
      it(`a longer one (${what}) is refused, and the connection closed; lines before it are kept and answered`, async () => {
        await start();
        const one = await client();
        await one.write("before\n");
        for (const piece of typeof text === "string" ? [text] : text) {
          await one.write(piece);
          await new Promise((resolve) => setTimeout(resolve, 10));
        }
        assert.equal(await one.read(), "OK");
        assert.equal(await one.read(), TOO_LONG);
        await one.closed();
        assert.deepEqual(out.bodies, ["before"]);
      });
    }

    it("counts characters as Java does: two for an emoji, one for any other, whatever their bytes", async () => {
      await start();
      const one = await client();
      assert.equal(await one.ask("ü".repeat(511)), "OK");
      assert.equal(await one.ask("中".repeat(511)), "OK");
      assert.equal(await one.ask(`${"\u{1f600}".repeat(255)}x`), "OK");
      assert.equal(await one.ask("\u{1f600}".repeat(256)), TOO_LONG);
      await one.closed();
      const two = await client();
      assert.equal(await two.ask("中".repeat(512)), TOO_LONG);
      await two.closed();
      assert.equal(out.events, 3);
    });

    it("of multibyte characters may be cut anywhere", async () => {
      await start({ maxLineLength: 5 });
      const text = Buffer.from("中文中文\n\u{1f600}\u{1f600}\n");
      for (let cut = 1; cut < text.length; cut++) {
        out.accepted.length = 0;
        const one = await client();
        await one.write(text.subarray(0, cut));
        await new Promise((resolve) => setTimeout(resolve, 2));
        await one.write(text.subarray(cut));
        assert.deepEqual([await one.read(), await one.read()], ["OK", "OK"], `cut at ${cut}`);
        await one.end();
      }
    });

    it("can be set; refused while the client still sends much more, the reply still arrives", async () => {
      await start({ maxLineLength: 20 });
      const one = await client();
      one.socket.on("error", () => undefined);
      void one.write(`${"short\n".repeat(10)}${"x".repeat(5_000_000)}`).catch(() => undefined);
      for (let i = 0; i < 10; i++) assert.equal(await one.read(), "OK");
      assert.equal(await one.read(), "FAILED: Event exceeds the maximum length (20 chars, including newline)");
      await one.closed();
    });
  });

  describe("encodings", () => {
    for (const [encoding, bytes, text, ok] of [
      ["iso-8859-1", Buffer.from("caf\u00e9\n", "latin1"), "café", Buffer.from("OK\n")],
      ["gbk", Buffer.from([0xd6, 0xd0, 0xce, 0xc4, 10]), "中文", Buffer.from("OK\n")],
      ["shift_jis", Buffer.from([0x93, 0xfa, 0x96, 0x7b, 10]), "日本", Buffer.from("OK\n")],
      ["utf-16le", Buffer.from("中文\n", "utf16le"), "中文", Buffer.from("OK\n", "utf16le")],
      ["utf-16be", Buffer.from("中文\n", "utf16le").swap16(), "中文", Buffer.from("OK\n", "utf16le").swap16()],
    ] as const) {
      it(`${encoding}: bodies are UTF-8, replies are ${encoding}, wherever packets are cut`, async () => {
        await start({ encoding });
        for (let cut = 0; cut < bytes.length; cut++) {
          out.accepted.length = 0;
          const one = await client("latin1");
          const replies: Buffer[] = [];
          one.socket.removeAllListeners("data");
          one.socket.on("data", (piece: string) => void replies.push(Buffer.from(piece, "latin1")));
          if (cut > 0) {
            await one.write(bytes.subarray(0, cut));
            await new Promise((resolve) => setTimeout(resolve, 2));
          }
          await one.write(bytes.subarray(cut));
          await eventually(() => Buffer.concat(replies).equals(ok));
          assert.deepEqual(out.bodies, [text]);
          await one.end();
        }
      });
    }

    it("the limit counts characters of the text, and its reply is in the encoding too", async () => {
      await start({ encoding: "utf-16le", maxLineLength: 4 });
      const one = await client("utf16le");
      await one.write(Buffer.from("中文字\n", "utf16le"));
      assert.equal(await one.read(), "OK");
      await one.write(Buffer.from("中文字长\n", "utf16le"));
      assert.equal(await one.read(), "FAILED: Event exceeds the maximum length (4 chars, including newline)");
      await one.closed();
    });

    it("bytes that are no text do no harm, in any of them", async () => {
      for (const encoding of ["utf-8", "utf-16le", "gbk", "iso-8859-1"]) {
        port = await listenerPort();
        await start({ encoding });
        let state = 12_345;
        for (let round = 0; round < 20; round++) {
          const garbage = Buffer.alloc(20_000);
          for (let i = 0; i < garbage.length; i++) {
            state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
            garbage[i] = state >>> 16;
          }
          const one = await client();
          one.socket.on("error", () => undefined);
          await one.write(garbage).catch(() => undefined);
          one.socket.end();
          await one.closed();
        }
        const one = await client(encoding === "utf-16le" ? "utf16le" : "latin1");
        await one.write(Buffer.from("still there\n", encoding === "utf-16le" ? "utf16le" : "latin1"));
        assert.equal(await one.read(), "OK");
        assert.equal(out.bodies.at(-1), "still there");
        await one.end();
        await source?.stop();
      }
    });
  });

  describe("a full channel", () => {
    /** A channel with room for so many, and nobody who takes. */
    const channelWith = (room: number, keepAlive: number) => {
      const settings = {
        capacity: room,
        transactionCapacity: room,
        keepAlive,
        byteCapacity: 0,
        byteCapacityBufferPercentage: 20,
      };
      const channel = new MemoryChannel("channel", settings, new Counters());
      out.deliver = async (batch, signal) => (await channel.prepare(batch, signal)).commit();
      out.lane = () => new DeliveryLane((batch, signal) => channel.prepare(batch, signal));
      out.limits = channel.limits;
      return channel;
    };

    it("lets lines wait for the keep-alive, then answers FAILED for each line, and OK for each that fits", async () => {
      const channel = channelWith(5, 0.2);
      await start();
      const one = await client();
      const begun = performance.now();
      await one.write("1\n2\n3\n4\n5\n6\n7\n");
      const answers: string[] = [];
      for (let i = 0; i < 7; i++) answers.push(await one.read());
      assert.deepEqual(answers, ["OK", "OK", "OK", "OK", "OK", FULL, FULL]);
      assert.ok(performance.now() - begun > 390);
      assert.equal(channel.size, 5);
    });

    it("tries the lines of a batch singly when it does not fit as a whole", async () => {
      const channel = channelWith(5, 0);
      await (await channel.prepare(batchOf([createEvent(Buffer.from("there"))]), NEVER)).commit();
      await start();
      const one = await client();
      await one.write("1\n2\n3\n4\n5\n");
      const answers: string[] = [];
      for (let i = 0; i < 5; i++) answers.push(await one.read());
      assert.deepEqual(answers, ["OK", "OK", "OK", "OK", FULL]);
    });

    it("makes clients wait without taking more of what they send, until there is room", async () => {
      const gate = new Gate();
      out.gate = gate.opened;
      out.limits = { events: 100, bytes: Number.POSITIVE_INFINITY };
      await start();
      const one = await client();
      const before = await memoryInUse();
      let taken = 0;
      const chunk = Buffer.from("0123456789abcde\n".repeat(4096));
      // 100 MB, of which the system's buffers and ours hold a few.
      const sending = (async () => {
        for (let i = 0; i < 1600; i++) {
          await one.write(chunk);
          taken += chunk.length;
        }
      })();
      let last = -1;
      await eventually(
        () => {
          const stands = taken === last;
          last = taken;
          return stands;
        },
        { every: 200 },
      );
      assert.ok(taken < 20_000_000, `${taken} bytes were taken`);
      assert.ok(out.mostUnderWay <= 8, `${out.mostUnderWay} deliveries`);
      assert.ok((await memoryInUse()) - before < 60_000_000);
      // Only counted from here on.
      out.gate = undefined;
      let accepted = 0;
      out.accepted.push = (...batches) => (accepted += batches.reduce((sum, batch) => sum + batch.length, 0));
      gate.open();
      await sending;
      await eventually(() => accepted >= 1600 * 4096 - 1000, { within: 60_000 });
    }).timeout(120_000);
  });

  for (const events of [1, 10_000]) {
    it(`floods of empty lines before a full channel, ${events} to a transaction, are held in little memory`, async () => {
      const gate = new Gate();
      out.gate = gate.opened;
      out.limits = { events, bytes: Number.POSITIVE_INFINITY };
      await start();
      const flooding = await Promise.all(Array.from({ length: 20 }, () => client()));
      const before = await memoryInUse();
      const chunk = Buffer.from("\n".repeat(64 * 1024));
      let taken = 0;
      for (const one of flooding) {
        one.socket.on("error", () => undefined);
        const send = () => {
          taken++;
          if (!one.socket.destroyed) one.socket.write(chunk, send);
        };
        send();
      }
      let last = -1;
      await eventually(
        () => {
          const stands = taken === last;
          last = taken;
          return stands;
        },
        { every: 300, within: 60_000 },
      );
      const grown = ((await memoryInUse()) - before) / flooding.length;
      assert.ok(grown < 1_000_000, `${Math.round(grown)} bytes for each client`);
      for (const one of flooding) one.destroy();
      gate.open();
    }).timeout(120_000);
  }

  describe("clients", () => {
    it("that say they send no more are answered to the last line, and then closed", async () => {
      const gate = new Gate();
      out.gate = gate.opened;
      await start();
      const one = await client();
      await one.write("1\n2\n3\n");
      one.socket.end();
      setTimeout(() => gate.open(), 100);
      await one.closed();
      assert.deepEqual(one.received, ["OK", "OK", "OK"]);
    });

    it("that are killed in the middle leave nothing behind; what they sent whole is kept", async () => {
      const gate = new Gate();
      out.gate = gate.opened;
      await start();
      const ones = await Promise.all(Array.from({ length: 50 }, () => client()));
      for (const one of ones) await one.write("whole\nhal");
      await eventually(() => out.tried.length === 50);
      // A reset, as the system sends it for a process that is killed with unread data.
      for (const one of ones) one.socket.resetAndDestroy();
      gate.open();
      await eventually(() => open() === 0);
      assert.deepEqual(new Set(out.bodies), new Set(["whole"]));
    });

    it("that never read their replies stop being read, in bounded memory; others are served meanwhile", async () => {
      await start();
      const stubborn = await Promise.all(Array.from({ length: 20 }, () => client()));
      const before = await memoryInUse();
      let counted = 0;
      out.accepted.push = (...batches) => (counted += batches.reduce((sum, batch) => sum + batch.length, 0));
      // What the test itself would remember is not to be measured.
      out.tried.push = () => 0;
      const chunk = Buffer.from("\n".repeat(64 * 1024));
      for (const one of stubborn) {
        one.socket.on("error", () => undefined);
        one.socket.pause();
        const send = () => void (one.socket.destroyed || one.socket.write(chunk, send));
        send();
      }
      let last = -1;
      await eventually(
        () => {
          const stands = counted === last && counted > 0;
          last = counted;
          return stands;
        },
        { every: 300, within: 60_000 },
      );
      const other = await client();
      assert.equal(await other.ask("served"), "OK");
      const grown = (await memoryInUse()) - before;
      assert.ok(grown < 50_000_000, `${grown} bytes for 20 clients`);
      for (const one of stubborn) one.destroy();
      await eventually(() => open() === 1);
    }).timeout(120_000);

    it("1,000 at once are all served", async () => {
      await start();
      const sockets = await Promise.all(
        Array.from(
          { length: 1000 },
          () =>
            new Promise<Socket>((resolve, reject) => {
              const socket = connect({ port, host: "127.0.0.1" }, () => resolve(socket));
              socket.once("error", reject);
              clients.push(socket);
            }),
        ),
      );
      await eventually(() => open() === 1000);
      const answers = sockets.map(
        (socket) => new Promise<string>((resolve) => socket.once("data", (data) => resolve(data.toString()))),
      );
      for (const [i, socket] of sockets.entries()) socket.write(`client ${i}\n`);
      assert.deepEqual(new Set(await Promise.all(answers)), new Set(["OK\n"]));
      assert.equal(new Set(out.bodies).size, 1000);
      for (const socket of sockets) socket.destroy();
      await eventually(() => open() === 0);
    });

    it("that come while the source is being replaced wait for the next one, those that went away meanwhile too", async () => {
      await start();
      await (await client()).end();
      await source?.stop();
      const waiting = await client();
      const asked = waiting.ask("to the next one");
      const gone = await client();
      await gone.send("gone");
      gone.socket.resetAndDestroy();
      await new Promise((resolve) => setTimeout(resolve, 50));
      await start({ maxLineLength: 100 });
      assert.equal(await asked, "OK");
      await eventually(() => open() === 1);
    });

    const connections = Number(process.env["HEADRACE_CONNECTIONS"] ?? 100_000);
    it(`${connections} opened and closed in turn leave nothing behind`, async () => {
      await start();
      let accepted = 0;
      out.accepted.push = (...batches) => (accepted += batches.reduce((sum, batch) => sum + batch.length, 0));
      out.tried.push = () => 0;
      let left = connections;
      const worker = async () => {
        while (left-- > 0) {
          await new Promise<void>((resolve, reject) => {
            const socket = connect({ port, host: "127.0.0.1" });
            socket.once("error", reject);
            // A reset leaves no port behind in TIME_WAIT, of which there are only some 28,000.
            socket.once("data", () => socket.resetAndDestroy());
            socket.once("close", () => resolve());
            socket.write("line\n");
          });
        }
      };
      const round = async (number: number) => {
        left = number;
        await Promise.all(Array.from({ length: 16 }, worker));
        await eventually(() => open() === 0);
      };
      // The first tenth warms the process up.
      await round(connections / 10);
      const before = { memory: await memoryInUse(), handles: process.getActiveResourcesInfo().length };
      await round(connections - connections / 10);
      assert.equal(accepted, connections);
      const grown = (await memoryInUse()) - before.memory;
      assert.ok(grown < 60_000_000, `${grown} bytes more`);
      await eventually(() => process.getActiveResourcesInfo().length <= before.handles + 5, {
        what: "handles to be closed",
      });
    }).timeout(Math.max(300_000, connections));
  });
});
