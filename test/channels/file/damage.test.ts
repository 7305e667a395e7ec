import { strict as assert } from "node:assert";
import { crc32 } from "node:zlib";
import type { FileChannel } from "../../../nodes/channels/file/file-channel.js";
import { HEADER_BYTES } from "../../../nodes/channels/file/record.js";
import { DATA_START } from "../../../nodes/channels/file/segment.js";
import { drain, events, put, range, takeSome } from "../support/work.js";
import { type OpenChannel, openChannel } from "./support/channels.js";
import { lockFreely, onDisk, randomFrom, SimulatedDisk } from "./support/simulated-disk.js";

const SETTINGS = { largestSegment: 16 * 1024, minimumFree: 0 };
const PUTS = 6;
const EVENTS = 3;
const ALL = range(0, PUTS * EVENTS);

async function open(disk: SimulatedDisk, more = {}): Promise<OpenChannel> {
  return openChannel(onDisk(), { ...SETTINGS, ...more }, { fileSystem: disk, lock: lockFreely });
}

/** Puts of three events each, in one segment; the process is killed, so no checkpoint is written. */
async function smallLog(
  after: (channel: FileChannel) => Promise<void> = async () => undefined,
): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk();
  const { channel } = await open(disk);
  for (let i = 0; i < PUTS; i++) await put(channel, events(i * EVENTS, EVENTS, 40));
  await after(channel);
  return disk.kill();
}

/** The only segment that records were written to. */
function logOf(disk: SimulatedDisk): string {
  const path = disk.paths().find((name) => name.includes("log-") && !isEmpty(disk.content(name)));
  assert.ok(path);
  return path;
}

function isEmpty(bytes: Buffer): boolean {
  return bytes.subarray(DATA_START).every((byte) => byte === 0);
}

/** Where each record begins, and where the last one ends. */
function recordsOf(bytes: Buffer): number[] {
  const places = [DATA_START];
  for (;;) {
    const at = places.at(-1) ?? 0;
    if (at + HEADER_BYTES > bytes.length || bytes.readUInt32LE(at + 12) === 0) return places;
    places.push(at + HEADER_BYTES + bytes.readUInt32LE(at + 16));
  }
}

/** Opens, takes everything, and opens again: damage must be dealt with once. */
async function found(
  disk: SimulatedDisk,
): Promise<{ numbers: number[]; opened: OpenChannel; damaged: number; lost: number }> {
  const opened = await open(disk);
  const { damage } = opened.channel;
  // Whoever goes on after damage must be able to put.
  await put(opened.channel, events(1_000_000, 1));
  const numbers = (await drain(opened.channel)).filter((number) => number < 1_000_000);
  await opened.channel.stop();
  const again = await open(disk);
  assert.equal(again.channel.size, 0);
  await again.channel.stop();
  let lost = 0;
  for (const { events: count } of damage) lost += count ?? 0;
  return { numbers, opened, damaged: damage.length, lost };
}

describe("file channel with damaged files", function () {
  // Nothing but computation, thousands of openings of it.
  this.timeout(300_000);

  it("cut at every byte of the last two records: everything before is there", async () => {
    const disk = await smallLog();
    const log = logOf(disk);
    const whole = Buffer.from(disk.content(log));
    const records = recordsOf(whole);
    assert.equal(records.length, PUTS + 1);
    const end = records[PUTS] ?? 0;
    const last = records[PUTS - 1] ?? 0;
    for (let cut = records[PUTS - 2] ?? 0; cut <= end; cut++) {
      const copy = disk.copy();
      copy.replace(log, whole.subarray(0, cut));
      const left = cut === end ? PUTS : cut >= last ? PUTS - 1 : PUTS - 2;
      const { numbers, damaged, lost, opened } = await found(copy);
      assert.deepEqual(numbers, ALL.slice(0, left * EVENTS), `cut at ${cut}`);
      const clean = cut === end || records.includes(cut);
      assert.equal(damaged, clean ? 0 : 1, `cut at ${cut}`);
      const start = records[left] ?? 0;
      if (!clean) {
        const [damage] = opened.channel.damage;
        assert.deepEqual([damage?.offset, damage?.bytes, damage?.torn], [start, cut - start, true], `cut at ${cut}`);
        // A header that is whole still tells how many events there were.
        assert.equal(lost, cut - start >= HEADER_BYTES ? EVENTS : 0, `cut at ${cut}`);
        assert.deepEqual(copy.content(damage?.keptIn ?? ""), whole.subarray(start, cut));
      }
    }
  });

  it("one flipped bit in every byte: at most the transaction that it is in is lost, and said to be", async () => {
    const disk = await smallLog();
    const log = logOf(disk);
    const whole = disk.content(log);
    const records = recordsOf(whole);
    const random = randomFrom(7);
    for (let at = 0; at < (records[PUTS] ?? 0); at++) {
      // Between the header's two copies there is nothing.
      if (at >= 512 && at < 2048) continue;
      if (at >= 2560 && at < DATA_START) continue;
      const copy = disk.copy();
      const bytes = Buffer.from(whole);
      bytes[at] = (bytes[at] ?? 0) ^ (1 << Math.floor(random() * 8));
      copy.replace(log, bytes);
      const record = records.findIndex((start, i) => at >= start && at < (records[i + 1] ?? 0));
      const inPayload = record >= 0 && at >= (records[record] ?? 0) + HEADER_BYTES;
      const gone = inPayload ? range(record * EVENTS, (record + 1) * EVENTS) : [];
      const { numbers, damaged, lost } = await found(copy);
      assert.deepEqual(
        numbers,
        ALL.filter((number) => !gone.includes(number)),
        `byte ${at}`,
      );
      assert.deepEqual([damaged, lost], inPayload ? [1, EVENTS] : [0, 0], `byte ${at}`);
    }
  });

  it("a run of zeros or noise anywhere: records that it does not touch are read", async () => {
    const disk = await smallLog();
    const log = logOf(disk);
    const whole = disk.content(log);
    const records = recordsOf(whole);
    const end = records[PUTS] ?? 0;
    const random = randomFrom(11);
    for (let i = 0; i < 300; i++) {
      const copy = disk.copy();
      const bytes = Buffer.from(whole);
      const from = DATA_START + Math.floor(random() * (end - DATA_START));
      const to = Math.min(end, from + 2 + Math.floor(random() * 200));
      for (let at = from; at < to; at++) bytes[at] = i % 2 === 0 ? 0 : Math.floor(random() * 256);
      copy.replace(log, bytes);
      const { numbers } = await found(copy);
      for (let record = 0; record < PUTS; record++) {
        const untouched = to <= (records[record] ?? 0) || from >= (records[record + 1] ?? 0);
        const own = range(record * EVENTS, (record + 1) * EVENTS);
        const there = own.filter((number) => numbers.includes(number)).length;
        if (untouched) assert.equal(there, EVENTS, `record ${record} of ${from}–${to}`);
        else assert.ok(there === 0 || there === EVENTS, "half a transaction");
      }
    }
  });

  it("no readable header at all: the file is set aside, and the channel goes on", async () => {
    const disk = await smallLog();
    const log = logOf(disk);
    const bytes = Buffer.from(disk.content(log));
    bytes.fill(0xee, 0, DATA_START);
    disk.replace(log, bytes);
    const { numbers, opened } = await found(disk);
    assert.deepEqual(numbers, []);
    assert.equal(opened.channel.damage.length, 1);
    assert.deepEqual(disk.content(opened.channel.damage[0]?.keptIn ?? ""), bytes);
  });

  describe("checkpoints only save time", () => {
    const checkpoint = onDisk("checkpoint", "checkpoint");

    /** Half is taken, a checkpoint is written, then more is taken and put. */
    async function logWithCheckpoint(): Promise<{ disk: SimulatedDisk; stale: Buffer; left: number[] }> {
      let stale = Buffer.alloc(0);
      const disk = new SimulatedDisk();
      const { channel } = await open(disk);
      for (let i = 0; i < PUTS; i++) await put(channel, events(i * EVENTS, EVENTS, 40));
      await channel.checkpoint();
      stale = Buffer.from(disk.content(checkpoint));
      const consumer = channel.connect({ id: "some", maxLeases: 3 });
      const takes = [];
      for (let i = 0; i < 3; i++) takes.push(await takeSome(consumer, 4));
      await takes[2]?.commit();
      await channel.checkpoint();
      await takes[0]?.commit();
      await put(channel, events(ALL.length, 2));
      return { disk: disk.kill(), stale, left: [4, 5, 6, 7, ...range(12, ALL.length + 2)] };
    }

    const cases: Record<string, (disk: SimulatedDisk, stale: Buffer) => void> = {
      "as it is": () => undefined,
      missing: (disk) => disk.delete(checkpoint),
      stale: (disk, stale) => disk.replace(checkpoint, stale),
      empty: (disk) => disk.replace(checkpoint, Buffer.alloc(0)),
      "random bytes": (disk) => {
        const random = randomFrom(5);
        disk.replace(checkpoint, Buffer.from(Array.from({ length: 500 }, () => Math.floor(random() * 256))));
      },
      "one byte short": (disk) => disk.replace(checkpoint, Buffer.from(disk.content(checkpoint).subarray(0, -1))),
      "a bit flipped": (disk) => {
        const bytes = Buffer.from(disk.content(checkpoint));
        bytes[60] = (bytes[60] ?? 0) ^ 4;
        disk.replace(checkpoint, bytes);
      },
      "a temporary file left over": (disk) => disk.replace(`${checkpoint}.tmp`, Buffer.from("half a checkp")),
    };
    for (const [what, change] of Object.entries(cases)) {
      it(what, async () => {
        const { disk, stale, left } = await logWithCheckpoint();
        change(disk, stale);
        const { numbers, damaged } = await found(disk);
        assert.deepEqual([numbers, damaged], [left, 0]);
      });
    }

    it("from the future: the log was put back from a copy", async () => {
      const disk = new SimulatedDisk();
      const { channel } = await open(disk);
      for (let i = 0; i < 3; i++) await put(channel, events(i * EVENTS, EVENTS, 40));
      const log = logOf(disk);
      const before = Buffer.from(disk.content(log));
      for (let i = 3; i < PUTS; i++) await put(channel, events(i * EVENTS, EVENTS, 40));
      await channel.checkpoint();
      const next = disk.kill();
      next.replace(log, before);
      const { numbers } = await found(next);
      assert.deepEqual(numbers, ALL.slice(0, 9));
    });

    it("the copy is used when the first is bad, compressed or not", async () => {
      for (const compressBackup of [false, true]) {
        const disk = new SimulatedDisk();
        const more = { backupDirectory: onDisk("backup"), compressBackup };
        const { channel } = await open(disk, more);
        for (let i = 0; i < PUTS; i++) await put(channel, events(i * EVENTS, EVENTS, 40));
        await channel.checkpoint();
        const next = disk.kill();
        next.delete(checkpoint);
        const log = logOf(next);
        // With the checkpoint known to be good, what lies before it is not read again, so this is not seen …
        const bytes = Buffer.from(next.content(log));
        bytes[DATA_START + HEADER_BYTES + 20] = (bytes[DATA_START + HEADER_BYTES + 20] ?? 0) ^ 1;
        next.replace(log, bytes);
        const { channel: reopened, context } = await open(next, more);
        assert.equal(reopened.size, ALL.length);
        assert.deepEqual(reopened.damage, []);
        // … until the events are asked for.
        assert.deepEqual(await drain(reopened), ALL.slice(EVENTS));
        assert.match(String(context.reports[0]), /3 events/);
        assert.equal(reopened.size, 0);
        await reopened.stop();
      }
    });
  });

  it("files that are not the channel's are left alone", async () => {
    const disk = await smallLog();
    disk.replace(onDisk("data", "notes.txt"), Buffer.from("mine"));
    disk.replace(onDisk("data", "log-1.seg.bak"), Buffer.from("mine too"));
    const { numbers } = await found(disk);
    assert.deepEqual(numbers, ALL);
    assert.equal(disk.content(onDisk("data", "notes.txt")).toString(), "mine");
  });

  it("a later version's file stops the opening, and nothing is changed", async () => {
    const disk = await smallLog();
    const log = logOf(disk);
    const { encodeSegmentHeader, newSegmentHeader } = await import("../../../nodes/channels/file/segment.js");
    const page = encodeSegmentHeader(newSegmentHeader({ id: 1, watermark: 0, nextEvent: 0 }, undefined));
    for (const at of [0, 2048]) {
      page.writeUInt32LE(2, at + 8);
      page.writeUInt32LE(crc32(page.subarray(at + 16, at + 512), crc32(page.subarray(at + 8, at + 12))), at + 12);
    }
    disk.replace(log, page);
    const before = disk.paths();
    await assert.rejects(open(disk), { code: "FLUME_FILE_CHANNEL_NEWER" });
    assert.deepEqual(disk.paths(), before);
    assert.deepEqual(disk.content(log), page);
  });
});
