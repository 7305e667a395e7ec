import { strict as assert } from "node:assert";
import { appendFile, readFile, stat } from "node:fs/promises";
import { type OpenFileRecord, OpenFilesJournal } from "../../nodes/sinks/hdfs/open-files-journal.js";
import { NEVER } from "../../lib/engine/delivery.js";
import { failingDisk } from "../support/failing-disk.js";
import { useTempDir } from "../support/temp-dir.js";
import { FakeNode, json } from "./support/fake-node.js";
import { hdfsSink, numbered } from "./support/sinks.js";

const record = (number: number, durable = 0): OpenFileRecord => ({
  open: `/logs/a-long-folder/FlumeData.${number}.tmp`,
  final: `/logs/a-long-folder/FlumeData.${number}`,
  durable,
  intended: durable + 10,
});

describe("the journal of files that are open in HDFS", () => {
  const folder = useTempDir();
  const path = () => folder().file("hdfs-open-files.jsonl");
  const opened = async () => {
    const journal = new OpenFilesJournal(folder().path);
    return { journal, left: await journal.start() };
  };

  it("gives the next run the last state of each file that is not finished", async () => {
    const { journal, left } = await opened();
    assert.deepEqual(left, []);
    // None waits for the one before, as the files of several folders do not.
    await Promise.all([1, 2, 3].map((number) => journal.note(record(number))));
    await Promise.all([journal.note(record(2, 20)), journal.forget(record(1).open), journal.forget("/never/noted")]);
    // A crash: it is not stopped.
    const next = await opened();
    assert.deepEqual(next.left, [record(2, 20), record(3)]);
    await journal.stop();
    await next.journal.stop();
  });

  it("takes a line that a crash has cut off, or that is none, for nothing", async () => {
    const { journal } = await opened();
    await journal.note(record(1));
    await journal.stop();
    const whole = JSON.stringify(record(2));
    await appendFile(path(), `{"open":"/a"}\n\u0000\u0000\nnull\n7\n[]\n${whole.slice(0, -4)}`);
    const next = await opened();
    assert.deepEqual(next.left, [record(1)]);
    // What follows half a line is not lost with it.
    await next.journal.note(record(3));
    await next.journal.stop();
    const last = await opened();
    assert.deepEqual(last.left, [record(1), record(3)]);
    await last.journal.stop();
  });

  it("does not grow with what is written, only with what is open", async function () {
    this.timeout(60_000);
    const { journal } = await opened();
    const lines = 50_000;
    const open = 30;
    for (let number = 0; number < lines; number += open) {
      const notes = Array.from({ length: open }, (_, i) => journal.note(record(i, number)));
      await Promise.all(notes);
    }
    const { size } = await stat(path());
    const written = (await readFile(path(), "utf8")).split("\n").length - 1;
    assert.ok(written <= 20_000 + open, `${written} lines, ${size} bytes`);
    await journal.stop();
    const next = await opened();
    assert.equal(next.left.length, open);
    assert.ok(next.left.every(({ durable }) => durable === lines - (lines % open)));
    await next.journal.stop();
  });

  it("where it cannot be written, the write is refused and comes again, and nothing else happens", async () => {
    const node = new FakeNode();
    node.answer = ({ url }, response) => {
      if (url.searchParams.get("op") !== "CREATE") json(response, 200, { boolean: true });
      else if (url.searchParams.has("data")) response.writeHead(201).end();
      else response.writeHead(307, { location: `${url.href}&data=true` }).end();
    };
    await node.start();
    const { sink } = hdfsSink([node.url], folder().path, { path: "/one", rollCount: 3 });
    const disk = await failingDisk();
    const escaped: unknown[] = [];
    const escape = (error: unknown) => void escaped.push(error);
    process.on("unhandledRejection", escape);
    try {
      await sink.start();
      // The line of the file, and the one that says that there is none.
      disk.failNext("appendFile");
      disk.failNext("appendFile");
      await assert.rejects(sink.write(numbered(0, 3), NEVER), /ENOSPC/);
      assert.equal(node.asked.length, 0);
      // One that nobody handles would end Node-RED; it is told of when a turn of the loop is over.
      await new Promise((resolve) => setTimeout(resolve, 100));
      assert.deepEqual(escaped, []);
    } finally {
      process.off("unhandledRejection", escape);
      disk.restore();
    }
    await sink.write(numbered(0, 3), NEVER);
    await sink.stop();
    await node.stop();
    const next = await opened();
    assert.deepEqual(next.left, []);
    await next.journal.stop();
  });
});
