import { strict as assert } from "node:assert";
import { NEVER } from "../../lib/engine/delivery.js";
import { isDeliveryError } from "../../lib/engine/errors.js";
import { type HdfsCluster, startHdfs } from "../counterparts/hdfs/cluster.js";
import { type TempDir, tempDir } from "../support/temp-dir.js";
import { hdfsClient, hdfsSink, linesBelow, numbered } from "./support/sinks.js";
import { tlsFiles } from "../counterparts/hdfs/tls-files.js";

/** An HDFS that speaks TLS only, name node and data node: dfs.http.policy is HTTPS_ONLY. */
export function tlsSuite(): void {
  describe("over TLS", function () {
    this.timeout(240_000);
    let folder: TempDir;
    let ca = "";
    let cluster: HdfsCluster | undefined;
    const urls = () => cluster?.urls ?? [];

    before(async () => {
      folder = await tempDir();
      ca = await tlsFiles(folder.path);
      cluster = await startHdfs({ appendDelay: 5, tlsFolder: folder.path });
    });
    after(async () => {
      await cluster?.stop();
      await folder.remove();
    });

    /** As Node-RED's tls-config gives it. */
    const tls = (config: Readonly<Record<string, unknown>>) => ({ tls: { id: "tls", name: "", config, shared: {} } });

    it("writes to the name node and the data node with the authority of the TLS settings", async () => {
      const { sink } = hdfsSink(urls(), folder.path, { path: "/tls" }, { shared: tls({ ca }) });
      await sink.start();
      await sink.write(numbered(0, 3000), NEVER);
      await sink.write(numbered(3000, 1000), NEVER);
      await sink.stop();
      const client = hdfsClient(urls(), { tls: { ca } });
      const expected = Array.from({ length: 4000 }, (_, i) => String(i));
      assert.deepEqual(await linesBelow(client, "/tls"), expected);
      client.close();
    });

    it("does not trust a certificate that nobody vouches for, and says so", async () => {
      const { sink } = hdfsSink(urls(), folder.path, { path: "/tls-unknown" });
      await sink.start();
      await assert.rejects(
        sink.write(numbered(0, 1), NEVER),
        (error) =>
          isDeliveryError(error) &&
          error.code === "FLUME_HDFS_TLS" &&
          error.outcome === "none" &&
          /self-signed/.test(error.message) &&
          error.message.includes(urls()[0] ?? "-"),
      );
      await sink.stop();
    });

    it("says that TLS is wanted when it is asked in plain text", async () => {
      const plain = urls().map((url) => url.replace("https:", "http:"));
      const { sink } = hdfsSink(plain, folder.path, { path: "/tls-plain" });
      await sink.start();
      await assert.rejects(
        sink.write(numbered(0, 1), NEVER),
        (error) => isDeliveryError(error) && error.code === "FLUME_HDFS_TLS_WANTED" && error.outcome === "none",
      );
      await sink.stop();
    });
  });
}
