import assert from "node:assert/strict";
import { eventually } from "../../support/eventually";
import { freePort } from "../../support/ports";
import { skip } from "../../support/skip";
import { tcpClient } from "../../support/tcp-client";
import { type FlumeAgent, flumeUnavailable, metric, startFlume } from "./agent";
import { fetchFlume } from "./fetch";

describe("a real Flume agent", function () {
  this.timeout(60_000);

  let agent: FlumeAgent;
  let port: number;

  before("fetch Flume and start netcat → memory → logger", async function () {
    // The first fetch on a machine brings some 180 jars.
    this.timeout(15 * 60_000);
    const reason = await flumeUnavailable();
    if (reason !== undefined) skip(this, reason);
    await fetchFlume();
    port = await freePort();
    agent = await startFlume({
      heap: "128m",
      config: {
        sources: "r1",
        channels: "c1",
        sinks: "k1",
        "sources.r1.type": "netcat",
        "sources.r1.bind": "127.0.0.1",
        "sources.r1.port": String(port),
        "sources.r1.channels": "c1",
        "channels.c1.type": "memory",
        "sinks.k1.type": "logger",
        "sinks.k1.channel": "c1",
      },
    });
  });

  after(async () => {
    await agent?.stop();
  });

  it("answers OK to each line and counts it", async () => {
    const client = await eventually(() => tcpClient(port), { what: "netcat source that listens" });
    assert.equal(await client.ask("Hello"), "OK");
    assert.equal(await client.ask("world"), "OK");
    await client.end();

    await eventually(async () => metric(await agent.metrics(), "CHANNEL.c1", "EventTakeSuccessCount") === 2, {
      what: "second event taken",
    });
    await agent.waitForLog(/Event: \{ headers:\{\} body: 48 65 6C 6C 6F\s+Hello \}/);
  });

  it("tells how much memory it takes", function () {
    if (process.platform !== "linux") skip(this, "the memory of another process is read from /proc");
    const now = agent.rss();
    const most = agent.peakRss();
    assert.ok(now !== undefined && most !== undefined && now > 1_000_000 && most >= now);
  });

  it("ends when told to, and what it took stays known", async function () {
    await agent.stop();
    assert.throws(() => process.kill(agent.pid, 0), { code: "ESRCH" });
    assert.equal(agent.rss(), undefined);
    if (process.platform === "linux") assert.ok((agent.peakRss() ?? 0) > 0);
    await agent.stop();
  });

  it("refuses a configuration that names no agent a1", async () => {
    await assert.rejects(startFlume({ config: "b1.sources = r1\n", heap: "64m" }), /names no agent a1/);
  });
});
