import { itBehaves } from "../conformance/behaviours.js";
import { type SinkBench, sinkBehaviours } from "../conformance/sink-behaviours.js";
import type { HdfsCluster } from "../counterparts/hdfs/cluster.js";
import { tempDir } from "../support/temp-dir.js";
import { startFaultProxy } from "./support/fault-proxy.js";
import { hdfsClient, hdfsSink, linesBelow } from "./support/sinks.js";

/** The behaviours of every sink. Its far side breaks down when the address of the name node stops answering. */
export function conformanceSuite(cluster: () => HdfsCluster): void {
  let folders = 0;

  async function hdfsBench(): Promise<SinkBench> {
    const path = `/conformance/${++folders}`;
    const storage = await tempDir();
    const client = hdfsClient(cluster().urls);
    const proxy = await startFaultProxy(cluster().urls[0] ?? "");
    const { sink, context } = hdfsSink([proxy.url], storage.path, { path });
    return {
      sink,
      context,
      written: () => linesBelow(client, path),
      breakDown: async () => proxy.refuse(true),
      repair: async () => proxy.refuse(false),
      async end() {
        await sink.stop();
        client.close();
        await proxy.close();
        await storage.remove();
      },
    };
  }

  describe("the HDFS sink, as a sink", () => itBehaves(sinkBehaviours, {}, hdfsBench));
}
