import { strict as assert } from "node:assert";
import { NEVER } from "../../lib/engine/delivery.js";
import { type HdfsCluster, startHdfs } from "../counterparts/hdfs/cluster.js";
import { eventually } from "../support/eventually.js";
import { useTempDir } from "../support/temp-dir.js";
import { duplicatesIn, load, WINDOW } from "./support/load.js";
import { finishLeftovers, hdfsClient, hdfsSink, linesBelow, numbered } from "./support/sinks.js";

/** Two name nodes of which one is active, and the change from one to the other. */
export function pairSuite(): void {
  describe("a pair of name nodes", function () {
    this.timeout(400_000);
    const folder = useTempDir();
    let pair: HdfsCluster;
    before(async () => {
      pair = await startHdfs({ nameNodes: 2, appendDelay: 5 });
    });
    after(async () => {
      await pair?.stop();
    });

    it("goes on with the one that is active, whichever is asked first", async () => {
      for (const urls of [pair.urls, pair.urls.toReversed()]) {
        const client = hdfsClient(urls);
        assert.deepEqual(await client.list("/"), []);
        client.close();
      }
      const { sink } = hdfsSink(pair.urls, folder().path, { path: "/pair" });
      await sink.start();
      await sink.write(numbered(0, 5), NEVER);
      await pair.failOver(1);
      // A file that is open goes on too: whoever becomes active knows it.
      const second = numbered(5, 5);
      await eventually(() => sink.write(second, NEVER).then(() => true), { within: 120_000, every: 200 });
      await pair.failOver(0);
      const third = numbered(10, 5);
      await eventually(() => sink.write(third, NEVER).then(() => true), { within: 120_000, every: 200 });
      await sink.stop();
      const client = hdfsClient(pair.urls);
      const lines = await linesBelow(client, "/pair");
      assert.deepEqual(
        lines,
        Array.from({ length: 15 }, (_, i) => String(i)),
      );
      client.close();
    });

    it("changes over and over under load: nothing missing, few events twice", async () => {
      const path = "/pair/load";
      const { sink } = hdfsSink(pair.urls, folder().path, { path, rollCount: 400, callTimeout: 10_000 });
      await sink.start();
      const running = load(sink);
      const changes = [1, 0, 1, 0] as const;
      for (const to of changes) {
        const { accepted } = running;
        await eventually(() => running.accepted >= accepted + 40, { within: 180_000, what: "more accepted batches" });
        await pair.failOver(to);
      }
      const { accepted } = running;
      await eventually(() => running.accepted >= accepted + 40, { within: 180_000, what: "more accepted batches" });
      const count = await running.stop();
      await sink.stop();
      await finishLeftovers(pair.urls, folder().path, path);
      const client = hdfsClient(pair.urls);
      const duplicates = duplicatesIn(await linesBelow(client, path), count);
      assert.ok(duplicates <= changes.length * WINDOW, `${duplicates} events are there twice`);
      client.close();
    });
  });
}
