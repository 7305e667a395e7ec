// The raw ceiling of a log on the disk: one plain script that lays out the same bytes as a put and a take, writes
// them into a file that is there already, and syncs after each put. The take behind it rides the next sync.
//   node raw-log.js FOLDER BATCH BODY_BYTES MILLISECONDS
// Prints {"eventsPerSecond":…}.
import { closeSync, fdatasync, fdatasyncSync, openSync, write, writeSync } from "node:fs";
import { join } from "node:path";
import { crc32 } from "node:zlib";

const FILE_BYTES = 64 * 1024 * 1024;
const HEADER_BYTES = 48;
const TAKE_BYTES = 64;

const [folder = ".", ...numbers] = process.argv.slice(2);
const [batch = 100, bodyBytes = 100, milliseconds = 1000] = numbers.map(Number);

const file = openSync(join(folder, "raw"), "w+");
const zeros = Buffer.alloc(1024 * 1024);
for (let at = 0; at < FILE_BYTES; at += zeros.length) writeSync(file, zeros, 0, zeros.length, at);
fdatasyncSync(file);

const body = Buffer.alloc(bodyBytes, "x");
const record = Buffer.alloc(HEADER_BYTES + batch * (4 + bodyBytes) + TAKE_BYTES);

function layOut(): void {
  let at = HEADER_BYTES + batch * 4;
  for (let i = 0; i < batch; i++) {
    record.set(body, at);
    at += bodyBytes;
    record.writeUInt32LE(at, HEADER_BYTES + i * 4);
  }
  record.writeUInt32LE(crc32(record.subarray(HEADER_BYTES, at)), 0);
}

function writeAt(position: number): Promise<void> {
  return new Promise((resolve, reject) => {
    write(file, record, 0, record.length, position, (error) => (error ? reject(error) : resolve()));
  });
}

function sync(): Promise<void> {
  return new Promise((resolve, reject) => fdatasync(file, (error) => (error ? reject(error) : resolve())));
}

async function main(): Promise<void> {
  let position = 0;
  let events = 0;
  const warm = performance.now() + milliseconds / 4;
  let from = 0;
  for (;;) {
    layOut();
    if (position + record.length > FILE_BYTES) position = 0;
    await writeAt(position);
    await sync();
    position += record.length;
    const now = performance.now();
    if (now < warm) continue;
    if (from === 0) from = now;
    else events += batch;
    if (now - from < milliseconds) continue;
    console.log(JSON.stringify({ eventsPerSecond: (events * 1000) / (now - from) }));
    break;
  }
  closeSync(file);
}

void main();
