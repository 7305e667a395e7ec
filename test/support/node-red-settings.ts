// The settings file of the Node-RED that tests start. It runs inside that process, so it is also where the process
// answers questions about itself.
import { monitorEventLoopDelay } from "node:perf_hooks";
import type { Probe, ProbeRequest } from "./node-red-probe.js";

// Nobody is left to stop this process when the one that runs the tests has died.
process.once("disconnect", () => process.exit(1));

let delay: ReturnType<typeof monitorEventLoopDelay> | undefined;

process.on("message", (request: ProbeRequest) => {
  if (request.ask !== "probe") return;
  if (request.collect) (globalThis as { gc?: () => void }).gc?.();
  const answer: Probe = {
    memory: process.memoryUsage(),
    cpu: process.cpuUsage(),
    eventLoopDelay: delay
      ? { p50: delay.percentile(50) / 1e6, p99: delay.percentile(99) / 1e6, max: delay.max / 1e6 }
      : { p50: 0, p99: 0, max: 0 },
    activeResources: process.getActiveResourcesInfo(),
  };
  if (request.resetDelay) {
    delay ??= monitorEventLoopDelay({ resolution: 5 });
    delay.enable();
    delay.reset();
  }
  process.send?.({ probe: request.id, answer });
});

const given = JSON.parse(process.env["HEADRACE_TEST_SETTINGS"] ?? "{}") as Record<string, unknown>;

export = {
  uiHost: "127.0.0.1",
  flowFile: "flows.json",
  credentialSecret: "only for tests",
  telemetry: { enabled: false, updateNotification: false },
  editorTheme: { tours: false, palette: { catalogues: [] }, codeEditor: { lib: "monaco" } },
  logging: { console: { level: "info", metrics: false, audit: false } },
  ...given,
};
