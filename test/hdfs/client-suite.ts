import { contentOf } from "../../lib/engine/content.js";
import { strict as assert } from "node:assert";
import { isHdfsError } from "../../lib/protocols/webhdfs/hdfs-error.js";
import type { WebHdfsClient } from "../../lib/protocols/webhdfs/webhdfs-client.js";
import type { HdfsCluster } from "../counterparts/hdfs/cluster.js";
import { eventually } from "../support/eventually.js";
import { hdfsClient } from "./support/sinks.js";

const bytes = (text: string) => contentOf([Buffer.from(text)]);

/** The client against a real HDFS. */
export function clientSuite(cluster: () => HdfsCluster): void {
  describe("the WebHDFS client", () => {
    let client: WebHdfsClient;
    before(() => (client = hdfsClient(cluster().urls)));
    after(() => client.close());

    it("writes and appends; all of it is there when the promise resolves", async () => {
      await client.create("/client/a", bytes("one "), { overwrite: false });
      assert.equal((await client.status("/client/a"))?.length, 4);
      await client.append("/client/a", contentOf([Buffer.from("two "), Buffer.from("three")]));
      assert.equal((await client.status("/client/a"))?.length, 13);
      assert.equal((await client.read("/client/a")).toString(), "one two three");
    });

    it("takes names with any character that HDFS takes", async () => {
      const name = "/client/a b%20c+;=#?&é日%.txt";
      await client.create(name, bytes("1"), { overwrite: false });
      await client.append(name, bytes("2"));
      assert.deepEqual(
        (await client.list("/client"))
          .map(({ pathSuffix }) => `/client/${pathSuffix}`)
          .filter((path) => path.includes("%")),
        [name],
      );
      assert.equal((await client.read(name)).toString(), "12");
      assert.equal(await client.rename(name, "/client/plain%"), true);
      assert.equal((await client.read("/client/plain%")).toString(), "12");
    });

    it("says false where HDFS does: a rename onto something, or of nothing, a removal of nothing", async () => {
      await client.create("/client/from", bytes("1"), { overwrite: false });
      await client.create("/client/to", bytes("2"), { overwrite: false });
      assert.equal(await client.rename("/client/from", "/client/to"), false);
      assert.equal(await client.rename("/client/nothing", "/client/there"), false);
      assert.equal(await client.remove("/client/nothing"), false);
      assert.equal(await client.remove("/client/from"), true);
      assert.equal(await client.status("/client/from"), undefined);
    });

    it("cuts a file back", async () => {
      await client.create("/client/long", bytes("0123456789"), { overwrite: false });
      await client.truncate("/client/long", 4);
      await eventually(
        async () => {
          await client.append("/client/long", bytes("x"));
          return true;
        },
        { within: 60_000 },
      );
      assert.equal((await client.read("/client/long")).toString(), "0123x");
    });

    it("names the exception of a refusal, and knows that nothing was changed", async () => {
      await client.create("/client/taken", bytes("1"), { overwrite: false });
      const refused = (exception: string) => (error: unknown) =>
        isHdfsError(error) && error.exception === exception && error.outcome === "none";
      await assert.rejects(
        client.create("/client/taken", bytes("2"), { overwrite: false }),
        refused("FileAlreadyExistsException"),
      );
      await assert.rejects(client.append("/client/not-there", bytes("2")), refused("FileNotFoundException"));
      await assert.rejects(
        client.create("/client/taken/below", bytes("2"), { overwrite: false }),
        refused("ParentNotDirectoryException"),
      );
    });

    it("says which address to give when it is that of Hadoop's own protocol", async () => {
      const lost = hdfsClient([cluster().fileSystem.replace("hdfs:", "http:")]);
      await assert.rejects(
        lost.create("/client/x", bytes("1"), { overwrite: false }),
        (error) => isHdfsError(error) && error.code === "FLUME_HDFS_NOT_HTTP" && error.outcome === "none",
      );
      // Of a pair the other one is asked.
      const pair = hdfsClient([cluster().fileSystem.replace("hdfs:", "http:"), ...cluster().urls]);
      await pair.create("/client/other", bytes("1"), { overwrite: false });
      assert.equal((await pair.status("/client/other"))?.length, 1);
      lost.close();
      pair.close();
    });

    it("says which address does not answer", async () => {
      const lost = hdfsClient(["http://localhost:9"]);
      await assert.rejects(
        lost.status("/"),
        (error) => isHdfsError(error) && error.code === "FLUME_HDFS_UNREACHABLE" && error.outcome === "none",
      );
      lost.close();
    });
  });
}
