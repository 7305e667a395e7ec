import { fetchHdfs } from "../counterparts/hdfs/fetch.js";
import { type HdfsCluster, hdfsUnavailable, startHdfs } from "../counterparts/hdfs/cluster.js";
import { skip } from "../support/skip.js";
import { conformanceSuite } from "./conformance-suite.js";
import { clientSuite } from "./client-suite.js";
import { crashSuite } from "./crash-suite.js";
import { faultSuite } from "./fault-suite.js";
import { flowSuite } from "./flow-suite.js";
import { formatSuite } from "./format-suite.js";
import { fullDiskSuite } from "./full-disk-suite.js";
import { kerberosSuite } from "./kerberos-suite.js";
import { outageSuite } from "./outage-suite.js";
import { pairSuite } from "./pair-suite.js";
import { sinkSuite } from "./sink-suite.js";
import { tlsSuite } from "./tls-suite.js";

describe("against a real HDFS", function () {
  this.timeout(240_000);
  let running: HdfsCluster;

  before("fetch and start HDFS", async function () {
    // The first fetch on a machine brings a hundred megabytes.
    this.timeout(15 * 60_000);
    const reason = await hdfsUnavailable();
    if (reason !== undefined) skip(this, reason);
    await fetchHdfs();
    running = await startHdfs({ appendDelay: 5, leaseSoftLimit: 5000 });
  });
  after(async () => {
    await running?.stop();
  });

  const cluster = () => running;
  clientSuite(cluster);
  conformanceSuite(cluster);
  sinkSuite(cluster);
  formatSuite(cluster);
  flowSuite(cluster);
  faultSuite(cluster);
  crashSuite(cluster);
  outageSuite(cluster);
  pairSuite();
  fullDiskSuite();
  tlsSuite();
  kerberosSuite();
});
