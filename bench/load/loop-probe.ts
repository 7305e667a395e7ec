// Loaded into the Node-RED that is measured (node -r): answers on a loopback port how late its event loop is.
// It needs nothing of the palette, so it also measures flows without any Flume node. The port is written into
// the file that HEADRACE_LOOP_PROBE names.
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { monitorEventLoopDelay, PerformanceObserver } from "node:perf_hooks";
import { getHeapSpaceStatistics } from "node:v8";

/** Milliseconds. */
export interface LoopDelay {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  /** Of the collector, since the last reset: all pauses together, and the longest one. */
  readonly gcTotal: number;
  readonly gcMax: number;
  /** Memory of V8's young generation, in bytes: in any process that is busy it doubles once or twice, sooner or later. */
  readonly young: number;
}

const file = process.env["HEADRACE_LOOP_PROBE"];
if (file !== undefined) {
  // What is reported includes the timer's own interval, so that it must be short: with the default of 10 ms
  // an idle loop reads 10 ms, and turns of 8 ms read 16.
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  let gcTotal = 0;
  let gcMax = 0;
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) {
      gcTotal += duration;
      gcMax = Math.max(gcMax, duration);
    }
  }).observe({ entryTypes: ["gc"] });

  const server = createServer((request, response) => {
    const answer: LoopDelay = {
      p50: delay.percentile(50) / 1e6,
      p99: delay.percentile(99) / 1e6,
      max: delay.max / 1e6,
      gcTotal,
      gcMax,
      young: getHeapSpaceStatistics().find(({ space_name }) => space_name === "new_space")?.physical_space_size ?? 0,
    };
    if (request.url === "/reset") {
      delay.reset();
      gcTotal = 0;
      gcMax = 0;
    }
    response.setHeader("Content-Type", "application/json");
    response.end(JSON.stringify(answer));
  });
  server.listen(0, "127.0.0.1", () => {
    writeFileSync(file, String((server.address() as AddressInfo).port));
  });
  // It must not keep a Node-RED alive that wants to end.
  server.unref();
}
