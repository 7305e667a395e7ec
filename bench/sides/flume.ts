import { startFlume } from "../../test/counterparts/flume/agent";
import type { Pipeline } from "./pipeline";

/** A real Flume with a heap of 2 GB, as it would be given for such a load. */
export async function flumePipeline(config: Readonly<Record<string, string>>): Promise<Pipeline> {
  const agent = await startFlume({ config, heap: "2g", logLevel: "warn" });
  return {
    async taken() {
      const metrics = await agent.metrics();
      return sumOfTaken(metrics);
    },
    peakRss: agent.peakRss,
    log: () => agent.logs.slice(-40).join("\n"),
    stop: agent.stop,
  };
}

/** Both sides answer in Flume's own layout. */
export function sumOfTaken(metrics: Readonly<Record<string, Readonly<Record<string, unknown>>>>): number {
  let sum = 0;
  for (const [component, counters] of Object.entries(metrics)) {
    if (component.startsWith("CHANNEL.")) sum += Number(counters["EventTakeSuccessCount"] ?? 0);
  }
  return sum;
}
