import { strict as assert } from "node:assert";
import type { ServerResponse } from "node:http";
import { batchOf } from "../../lib/engine/batch.js";
import { NEVER } from "../../lib/engine/delivery.js";
import { isDeliveryError } from "../../lib/engine/errors.js";
import { createEvent } from "../../lib/engine/event.js";
import { eventually } from "../support/eventually.js";
import { useTempDir } from "../support/temp-dir.js";
import { type Asked, FakeNode, json, remote } from "./support/fake-node.js";
import { hdfsSink, numbered } from "./support/sinks.js";

/** What becomes of a write whose answer is lost, on the far side. */
interface Loss {
  /** Bytes of it that are in the file. */
  readonly kept: number;
  /** Times that HDFS says no to TRUNCATE, since a data node still has the file open. */
  readonly held?: number;
  /** Times that it says that cutting has begun, and is not over. */
  readonly recovering?: number;
}

/** A name node and data node in one that holds one file, and loses answers to writes when told to. */
class OneFile {
  readonly node = new FakeNode();
  content = "";
  readonly operations: string[] = [];
  readonly losses: Loss[] = [];
  /** Nobody is told how long the file is. */
  hidden = false;
  #held = 0;
  #recovering = 0;

  constructor() {
    this.node.answer = (asked, response) => this.#answer(asked, response);
  }

  #answer({ url, body }: Asked, response: ServerResponse): void {
    const operation = url.searchParams.get("op") ?? "";
    const uploads = operation === "CREATE" || operation === "APPEND";
    if (uploads && !url.searchParams.has("data")) {
      response.writeHead(307, { location: `${url.href}&data=true` }).end();
      return;
    }
    this.operations.push(operation);
    if (operation === "APPEND") this.#append(body, response);
    else if (operation === "TRUNCATE") this.#truncate(Number(url.searchParams.get("newlength")), response);
    else if (operation === "CREATE") {
      const loss = this.losses.shift();
      this.content = body.slice(0, loss?.kept);
      if (loss) response.destroy();
      else response.writeHead(201).end();
    } else if (operation === "GETFILESTATUS" && this.hidden) response.destroy();
    else if (operation === "GETFILESTATUS") {
      json(response, 200, { FileStatus: { pathSuffix: "", type: "FILE", length: this.content.length } });
    } else json(response, 200, { boolean: true });
  }

  #append(body: string, response: ServerResponse): void {
    const loss = this.losses.shift();
    this.content += body.slice(0, loss?.kept);
    this.#held = loss?.held ?? 0;
    this.#recovering = loss?.recovering ?? 0;
    if (loss) response.destroy();
    else response.writeHead(200).end();
  }

  #truncate(length: number, response: ServerResponse): void {
    if (this.#held-- > 0) {
      json(response, 403, remote("AlreadyBeingCreatedException"));
      return;
    }
    this.content = this.content.slice(0, length);
    json(response, 200, { boolean: this.#recovering-- <= 0 });
  }
}

describe("an append to HDFS whose answer is lost", function () {
  this.timeout(90_000);
  const folder = useTempDir();
  let file: OneFile;
  beforeEach(async () => {
    file = new OneFile();
    await file.node.start();
  });
  afterEach(() => file.node.stop());

  /** Two writes, of which the second loses answers. @returns the requests of the second */
  const writeTwice = async (...losses: readonly Loss[]): Promise<readonly string[]> => {
    const { sink } = hdfsSink([file.node.url], folder().path, { path: "/one" });
    await sink.start();
    await sink.write(numbered(0, 3), NEVER);
    file.losses.push(...losses);
    const before = file.operations.length;
    await sink.write(numbered(3, 3), NEVER);
    const asked = file.operations.slice(before);
    assert.equal(file.content, "0\n1\n2\n3\n4\n5\n");
    await sink.stop();
    return asked;
  };

  it("is not sent again when all of it is there", async () => {
    assert.deepEqual(await writeTwice({ kept: 6 }), ["APPEND", "GETFILESTATUS"]);
  });

  it("is sent again when nothing of it is there, once HDFS has said that nobody writes there any more", async () => {
    const asked = await writeTwice({ kept: 0, held: 2 });
    const look = ["GETFILESTATUS", "TRUNCATE"];
    assert.deepEqual(asked, ["APPEND", ...look, ...look, ...look, "APPEND"]);
  });

  it("is cut off and sent again when a part of it is there, in the middle of a line", async () => {
    assert.deepEqual(await writeTwice({ kept: 3 }), ["APPEND", "GETFILESTATUS", "TRUNCATE", "APPEND"]);
  });

  it("is sent again once what was cut off is gone for good: HDFS says when it has begun with that, and when it is done", async () => {
    const asked = await writeTwice({ kept: 3, recovering: 2 });
    const look = ["GETFILESTATUS", "TRUNCATE"];
    assert.deepEqual(asked, ["APPEND", ...look, ...look, ...look, "APPEND"]);
  });

  it("or a create: the second try writes over what the first has made, and no first try over anything", async () => {
    const { sink } = hdfsSink([file.node.url], folder().path, { path: "/one" });
    await sink.start();
    file.losses.push({ kept: 3 });
    await sink.write(numbered(0, 3), NEVER);
    await sink.stop();
    assert.equal(file.content, "0\n1\n2\n");
    const overwrites = file.node.asked
      .filter(({ url }) => url.searchParams.get("op") === "CREATE" && !url.searchParams.has("data"))
      .map(({ url }) => url.searchParams.get("overwrite"));
    assert.deepEqual(overwrites, ["false", "true"]);
  });

  it("goes into a new file when it cannot be found out, and does not wait for ever", async () => {
    const { sink } = hdfsSink([file.node.url], folder().path, { path: "/one" });
    await sink.start();
    await sink.write(numbered(0, 3), NEVER);
    file.losses.push({ kept: 3, held: Number.POSITIVE_INFINITY });
    const second = numbered(3, 3);
    await assert.rejects(
      sink.write(second, NEVER),
      (error) => isDeliveryError(error) && error.code === "FLUME_HDFS_INTERRUPTED" && error.outcome === "unknown",
    );
    await sink.write(second, NEVER);
    assert.equal(file.content, "3\n4\n5\n");
    const creates = file.node.asked.filter(({ url }) => url.searchParams.get("op") === "CREATE");
    assert.equal(new Set(creates.map(({ url }) => url.pathname)).size, 2);
    await sink.stop();
  });

  it("is cut off before the file gets its name when it goes into a new one, though all of it may be there", async () => {
    const { sink } = hdfsSink([file.node.url], folder().path, { path: "/one" });
    await sink.start();
    await sink.write(numbered(0, 3), NEVER);
    file.losses.push({ kept: 6 });
    file.hidden = true;
    await assert.rejects(sink.write(numbered(3, 3), NEVER), { outcome: "unknown" });
    file.hidden = false;
    await eventually(() => file.operations.includes("RENAME"), { within: 30_000, what: "the name" });
    assert.equal(file.content, "0\n1\n2\n");
    await sink.stop();
  });

  it("holds no more than 32 MB: what is sent at once stays in memory until its answer comes", async () => {
    const { sink } = hdfsSink([file.node.url], folder().path, { path: "/one" });
    await sink.start();
    const megabyte = Buffer.alloc(1024 * 1024, "x");
    await sink.write(batchOf(Array.from({ length: 50 }, () => createEvent(megabyte))), NEVER);
    const sizes = file.node.asked.flatMap(({ body }) => (body === "" ? [] : [body.length]));
    assert.deepEqual(
      sizes.map((size) => Math.floor(size / megabyte.length)),
      [32, 18],
    );
    await sink.stop();
  });

  it("bears two losses in a row", async () => {
    const look = ["APPEND", "GETFILESTATUS", "TRUNCATE"];
    assert.deepEqual(await writeTwice({ kept: 5 }, { kept: 1 }), [...look, ...look, "APPEND"]);
  });
});
