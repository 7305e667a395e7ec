// A process of its own, so that making lines costs the side that is measured nothing but the wire:
//   node line-producer.js PORT LINES BODY_BYTES [PREFIX]
// Connects to a port on loopback, sends so many lines in writes of 64 KiB, ends, and prints how long it took.
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

const WRITE_BYTES = 64 * 1024;

const [port, lines, bodyBytes] = process.argv.slice(2, 5).map(Number);
const prefix = process.argv[5] ?? "";
if (!port || !lines || bodyBytes === undefined) throw new Error("usage: line-producer PORT LINES BODY_BYTES [PREFIX]");

const line = Buffer.from(`${prefix.padEnd(bodyBytes, "x").slice(0, bodyBytes)}\n`, "latin1");
const linesPerWrite = Math.max(1, Math.floor(WRITE_BYTES / line.length));
const block = Buffer.concat(Array.from({ length: linesPerWrite }, () => line));

async function send(to: Socket, count: number): Promise<void> {
  for (let left = count; left > 0; left -= linesPerWrite) {
    const piece = left < linesPerWrite ? block.subarray(0, left * line.length) : block;
    if (!to.write(piece)) await new Promise<void>((resolve) => void to.once("drain", resolve));
  }
}

/** The other side may still be about to listen: Flume starts its sources on threads of their own. */
async function connected(to: number): Promise<Socket> {
  for (let attempt = 1; ; attempt++) {
    const socket = connect({ port: to, host: "127.0.0.1" });
    const outcome = await new Promise<"ok" | Error>((resolve) => {
      socket.once("connect", () => resolve("ok"));
      socket.once("error", resolve);
    });
    if (outcome === "ok") return socket;
    if (attempt === 100) throw outcome;
    await sleep(100);
  }
}

async function main(to: number, count: number): Promise<void> {
  const socket = await connected(to);
  socket.on("error", (error) => {
    console.error(error.message);
    process.exit(1);
  });
  // A side that answers although it was told not to (FAILED: …) must not fill its own send buffer.
  socket.resume();
  const begun = performance.now();
  await send(socket, count);
  socket.end();
  await new Promise<void>((resolve) => void socket.once("close", () => resolve()));
  console.log(JSON.stringify({ lines: count, milliseconds: performance.now() - begun }));
}

void main(port, lines);
