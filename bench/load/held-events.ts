// The raw ceiling: the least that any receiver of lines in Node must do. A plain script without Node-RED or palette
// splits what arrives on one connection at line feeds and keeps each line as an event, the last 100,000 of them.
//   node held-events.js LINES
// Prints {"port":…}, and after so many lines {"eventsPerSecond":…,"peakRss":…}.
import { createServer, type AddressInfo } from "node:net";

const LINE_FEED = 10;
const HELD = 100_000;

const total = Number(process.argv[2]);
if (!(total > 0)) throw new Error("usage: held-events LINES");

interface HeldEvent {
  readonly headers: Record<string, string>;
  readonly body: Buffer;
}

const ring: (HeldEvent | undefined)[] = Array.from({ length: HELD }, () => undefined);
const measuredFrom = total / 10;
let position = 0;
let seen = 0;
let seenAtStart = 0;
let started = 0;

const server = createServer((socket) => {
  let rest: Buffer | undefined;
  socket.on("data", (piece: Buffer) => {
    const data = rest === undefined ? piece : Buffer.concat([rest, piece]);
    let from = 0;
    for (let end = data.indexOf(LINE_FEED); end !== -1; end = data.indexOf(LINE_FEED, from)) {
      ring[position] = { headers: {}, body: data.subarray(from, end) };
      position = position + 1 === HELD ? 0 : position + 1;
      seen++;
      from = end + 1;
    }
    rest = from === data.length ? undefined : data.subarray(from);
    if (started === 0 && seen >= measuredFrom) {
      started = performance.now();
      seenAtStart = seen;
    }
    if (seen >= total) finish();
  });
});

function finish(): void {
  const eventsPerSecond = ((seen - seenAtStart) * 1000) / (performance.now() - started);
  const peakRss = process.resourceUsage().maxRSS * 1024;
  console.log(JSON.stringify({ eventsPerSecond, peakRss }));
  server.close();
}

server.listen(0, "127.0.0.1", () => {
  console.log(JSON.stringify({ port: (server.address() as AddressInfo).port }));
});
