import { strict as assert } from "node:assert";
import { readFileSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { joinBatches } from "../../lib/engine/batch.js";
import type { Sink } from "../../lib/engine/contracts.js";
import { NEVER } from "../../lib/engine/delivery.js";
import { staysPending } from "../support/pending.js";
import { useTempDir } from "../support/temp-dir.js";
import { type Asked, FakeNode, json, remote } from "./support/fake-node.js";
import { hdfsSink, numbered } from "./support/sinks.js";

const ROOT = "/webhdfs/v1";

/** A name node and data node in one that holds files by their paths, and refuses or holds up writes when told to. */
class Files {
  readonly node = new FakeNode();
  readonly contents = new Map<string, string>();
  /** Whether nobody may write there now. */
  refuses: (path: string) => boolean = () => false;
  /** Called with the path before anything is done for a write. */
  before: (path: string) => void = () => undefined;
  /** Bytes are taken, and told to be, after this. */
  durable: Promise<void> = Promise.resolve();

  constructor() {
    this.node.answer = (asked, response) => void this.#answer(asked, response);
  }

  /** Of all files, in the order of their bodies' numbers. */
  get lines(): string[] {
    const all = [...this.contents.values()].flatMap((text) => text.split("\n").slice(0, -1));
    return all.toSorted((a, b) => Number(a) - Number(b));
  }

  async #answer({ url, body }: Asked, response: ServerResponse): Promise<void> {
    const operation = url.searchParams.get("op") ?? "";
    const path = url.pathname.slice(ROOT.length);
    if (operation !== "CREATE" && operation !== "APPEND") {
      if (operation === "RENAME") {
        this.contents.set(url.searchParams.get("destination") ?? "", this.contents.get(path) ?? "");
        this.contents.delete(path);
      }
      json(response, 200, { boolean: true });
      return;
    }
    this.before(path);
    if (this.refuses(path)) json(response, 403, remote("AccessControlException"));
    else if (!url.searchParams.has("data")) {
      response.writeHead(307, { location: `${url.href}&data=true` }).end();
    } else {
      await this.durable;
      this.contents.set(path, (operation === "APPEND" ? (this.contents.get(path) ?? "") : "") + body);
      response.writeHead(operation === "APPEND" ? 200 : 201).end();
    }
  }
}

describe("a batch of which HDFS has taken a part", function () {
  this.timeout(60_000);
  let files: Files;
  const sinks: Sink[] = [];
  beforeEach(async () => {
    files = new Files();
    await files.node.start();
  });
  // Before the folder of their journals goes.
  afterEach(async () => {
    await Promise.all(sinks.splice(0).map((sink) => sink.stop()));
    await files.node.stop();
  });
  const folder = useTempDir();

  const sinkWith = async (settings: Readonly<Record<string, unknown>>): Promise<Sink> => {
    const { sink } = hdfsSink([files.node.url], folder().path, settings);
    sinks.push(sink);
    await sink.start();
    return sink;
  };
  const texts = (count: number) => Array.from({ length: count }, (_, i) => String(i));
  const refused = { code: "FLUME_HDFS_NOT_ALLOWED" };

  it("owes only what is left when it comes again: one folder of several was refused", async () => {
    const sink = await sinkWith({ path: "/logs/%{kind}" });
    files.refuses = (path) => path.startsWith("/logs/shut/");
    const of = (kind: string, first: number) => numbered(first, 3, { kind });
    const batch = joinBatches([of("open", 0), of("shut", 3), of("open", 6), of("shut", 9)]);
    await assert.rejects(sink.write(batch, NEVER), { ...refused, outcome: "partial" });
    // Of what it owes now, nothing is taken this time.
    await assert.rejects(sink.write(batch, NEVER), { ...refused, outcome: "partial" });
    assert.deepEqual(files.lines, ["0", "1", "2", "6", "7", "8"]);
    files.refuses = () => false;
    await sink.write(batch, NEVER);
    assert.deepEqual(files.lines, texts(12));
    // It owes nothing any more: the same again would be another one.
    await sink.write(batch, NEVER);
    assert.equal(files.lines.length, 24);
  });

  it("owes what no request has held yet as well: the second file of three was refused", async () => {
    const sink = await sinkWith({ path: "/logs", rollCount: 4 });
    let asked = 0;
    files.refuses = () => ++asked > 2;
    const batch = numbered(0, 10);
    await assert.rejects(sink.write(batch, NEVER), { ...refused, outcome: "partial" });
    assert.deepEqual(files.lines, texts(4));
    files.refuses = () => false;
    await sink.write(batch, NEVER);
    assert.deepEqual(files.lines, texts(10));
  });

  it("owes all of it, and says so, when nothing was taken", async () => {
    const sink = await sinkWith({ path: "/logs/%{kind}" });
    files.refuses = () => true;
    const batch = joinBatches([numbered(0, 3, { kind: "a" }), numbered(3, 3, { kind: "b" })]);
    await assert.rejects(sink.write(batch, NEVER), { ...refused, outcome: "none" });
    files.refuses = () => false;
    await sink.write(batch, NEVER);
    assert.deepEqual(files.lines, texts(6));
  });

  it("is written when the last data node has said so, for a new file and for one that goes on", async () => {
    const sink = await sinkWith({ path: "/logs" });
    for (const first of [0, 3]) {
      let close = (): void => undefined;
      files.durable = new Promise<void>((resolve) => (close = resolve));
      const writing = sink.write(numbered(first, 3), NEVER);
      assert.ok(await staysPending(writing));
      close();
      await writing;
      assert.deepEqual(files.lines, texts(first + 3));
    }
  });

  it("is in a file that the journal knows before HDFS is asked for anything, with the length that it will have", async () => {
    const sink = await sinkWith({ path: "/logs" });
    const known: unknown[] = [];
    files.before = (path) => {
      const lines = readFileSync(folder().file("hdfs-open-files.jsonl"), "utf8").split("\n").slice(0, -1);
      const { open, durable, intended } = JSON.parse(lines.at(-1) ?? "{}") as Record<string, unknown>;
      known.push([open === path, durable, intended]);
    };
    await sink.write(numbered(0, 3), NEVER);
    await sink.write(numbered(3, 3), NEVER);
    // Each of the two steps of a create, and of an append.
    const [first, second] = [
      [true, 0, 6],
      [true, 6, 12],
    ];
    assert.deepEqual(known, [first, first, second, second]);
  });
});
