import { strict as assert } from "node:assert";
import type { ServerResponse } from "node:http";
import { NEVER } from "../../lib/engine/delivery.js";
import { isHeadraceError } from "../../lib/engine/errors.js";
import { FileFinisher, type FinishSettings } from "../../nodes/sinks/hdfs/file-finisher.js";
import { IoSlots } from "../../nodes/sinks/hdfs/io-slots.js";
import { OpenFilesJournal } from "../../nodes/sinks/hdfs/open-files-journal.js";
import { testContext } from "../support/component-context.js";
import { eventually } from "../support/eventually.js";
import { useTempDir } from "../support/temp-dir.js";
import { FakeNode, json, remote } from "./support/fake-node.js";
import { hdfsClient, hdfsSink, numbered } from "./support/sinks.js";

const RECORD = { open: "/a/x.tmp", final: "/a/x", durable: 3, intended: 3 };

describe("finishing files of HDFS", function () {
  this.timeout(60_000);
  const folder = useTempDir();
  let nameNode: FakeNode;
  let renames = 0;
  let refuse: (tries: number) => boolean = () => false;

  beforeEach(async () => {
    renames = 0;
    nameNode = new FakeNode();
    nameNode.answer = ({ url }, response: ServerResponse) => {
      if (url.searchParams.get("op") === "RENAME" && refuse(++renames))
        json(response, 403, remote("SafeModeException"));
      else json(response, 200, { boolean: true });
    };
    await nameNode.start();
  });
  afterEach(() => nameNode.stop());

  const finisherWith = async (settings: FinishSettings) => {
    const context = testContext("hdfs", folder().path);
    const journal = new OpenFilesJournal(folder().path);
    await journal.start();
    await journal.note(RECORD);
    const client = hdfsClient([nameNode.url]);
    const finisher = new FileFinisher(client, new IoSlots(2), journal, settings, context);
    const end = async () => {
      await finisher.stop();
      client.close();
      await journal.stop();
      const next = new OpenFilesJournal(folder().path);
      const left = await next.start();
      await next.stop();
      return left;
    };
    return { context, finisher, end };
  };

  it("tries a final name closeTries times, names what keeps its .tmp, and remembers it for the next start", async () => {
    refuse = () => true;
    const { context, finisher, end } = await finisherWith({ closeTries: 3, retryInterval: 1 });
    await finisher.finish(RECORD, true);
    await eventually(() => finisher.busy === 0, { within: 30_000, what: "end of the tries" });
    assert.equal(renames, 3);
    const reports = context.reports.map((report) => (isHeadraceError(report) ? report : undefined));
    assert.deepEqual(
      reports.map((report) => [report?.code, report?.parameters?.["path"], report?.parameters?.["tries"]]),
      [1, 2, 3].map((tries) => ["FLUME_HDFS_NOT_FINISHED", "/a/x.tmp", tries]),
    );
    assert.deepEqual(await end(), [RECORD]);
  });

  for (const retryInterval of [0, -1]) {
    it(`tries once with a retryInterval of ${retryInterval}, whatever closeTries says`, async () => {
      refuse = () => true;
      const { finisher, end } = await finisherWith({ closeTries: 5, retryInterval });
      await finisher.finish(RECORD, true);
      await eventually(() => finisher.busy === 0, { within: 30_000 });
      assert.equal(renames, 1);
      assert.deepEqual(await end(), [RECORD]);
    });
  }

  it("goes on until it succeeds with closeTries 0, and says when it is over", async () => {
    refuse = (tries) => tries < 4;
    const { context, finisher, end } = await finisherWith({ closeTries: 0, retryInterval: 1 });
    await finisher.finish(RECORD, true);
    await eventually(() => finisher.busy === 0, { within: 30_000 });
    assert.equal(renames, 4);
    assert.equal(context.reports.at(-1), undefined);
    assert.deepEqual(await end(), []);
  });

  for (const [suffix, settings] of [
    [".gz", { fileType: "CompressedStream", codeC: "gzip" }],
    [".csv.gz", { fileType: "CompressedStream", codeC: "gzip", fileSuffix: ".csv.gz" }],
    ["", {}],
  ] as const) {
    it(`puts a number before the suffix "${suffix}" where the final name is taken: readers go by the end`, async () => {
      const targets: string[] = [];
      nameNode.answer = ({ url }, response) => {
        const operation = url.searchParams.get("op");
        if (operation === "RENAME") {
          targets.push(url.searchParams.get("destination") ?? "");
          json(response, 200, { boolean: targets.length > 2 });
        } else if (operation === "CREATE" && url.searchParams.has("data")) response.writeHead(201).end();
        else if (operation === "CREATE") response.writeHead(307, { location: `${url.href}&data=true` }).end();
        else json(response, 200, { FileStatus: { pathSuffix: "", type: "FILE", length: 3, modificationTime: 0 } });
      };
      const { sink } = hdfsSink([nameNode.url], folder().path, { path: "/a", filePrefix: "x", ...settings });
      await sink.start();
      await sink.write(numbered(0, 1), NEVER);
      await sink.stop();
      assert.deepEqual(
        targets.map((name) => name.replace(/\d{13}/, "N")),
        ["", "-1", "-2"].map((number) => `/a/x.N${number}${suffix}`),
      );
    });
  }

  describe("of an earlier run", () => {
    /** A file of so many bytes; the first cut is only begun. */
    const fileOf = (given: number | undefined): string[] => {
      const operations: string[] = [];
      let length = given;
      let cuts = 0;
      nameNode.answer = ({ url }, response) => {
        const operation = url.searchParams.get("op") ?? "";
        const newLength = url.searchParams.get("newlength");
        operations.push(newLength === null ? operation : `${operation} ${newLength}`);
        if (newLength !== null) length = Number(newLength);
        if (operation !== "GETFILESTATUS") json(response, 200, { boolean: newLength === null || ++cuts > 1 });
        else if (length === undefined) json(response, 404, remote("FileNotFoundException"));
        else json(response, 200, { FileStatus: { pathSuffix: "", type: "FILE", length, modificationTime: 0 } });
      };
      return operations;
    };

    const cut = (to: number) => ["GETFILESTATUS", `TRUNCATE ${to}`];
    for (const [what, length, record, expected] of [
      ["cut short in its last write", 5, { durable: 3, intended: 6 }, [...cut(3), ...cut(3), "RENAME"]],
      ["whole, though nobody was told", 6, { durable: 3, intended: 6 }, [...cut(6), ...cut(6), "RENAME"]],
      ["whole, and sent elsewhere", 6, { durable: 3, intended: 6, resent: true }, [...cut(3), ...cut(3), "RENAME"]],
      ["of which nothing counts", 4, { durable: 0, intended: 6 }, ["GETFILESTATUS", "DELETE"]],
      ["longer than anybody meant it to be", 9, { durable: 3, intended: 6 }, ["GETFILESTATUS", "RENAME"]],
      ["that is not there", undefined, { durable: 3, intended: 6 }, ["GETFILESTATUS"]],
    ] as const) {
      it(`a file ${what}: ${expected.join(", ")}`, async () => {
        const operations = fileOf(length);
        const { finisher, end } = await finisherWith({ closeTries: 0, retryInterval: 1 });
        await finisher.finish({ ...RECORD, ...record }, false);
        await eventually(() => finisher.busy === 0, { within: 30_000, what: "the end of it" });
        assert.deepEqual(operations, expected);
        assert.deepEqual(await end(), []);
      });
    }
  });
});
