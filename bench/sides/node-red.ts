import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { processMemory } from "../../test/counterparts/flume/process-memory";
import { eventually } from "../../test/support/eventually";
import { type FlowNode, NodeRed } from "../../test/support/node-red";
import { tempDir } from "../../test/support/temp-dir";
import type { LoopDelay } from "../load/loop-probe";
import { sumOfTaken } from "./flume";
import type { Pipeline } from "./pipeline";

export interface NodeRedPipeline extends Pipeline {
  readonly nodeRed: NodeRed;
  loopDelay(): Promise<LoopDelay>;
  resetLoopDelay(): Promise<void>;
  /** Stops it and says how long that took, in milliseconds. */
  stopTimed(): Promise<number>;
}

/** A real Node-RED 5 in a process of its own, with the palette of this clone and one flow. */
export async function nodeRedPipeline(
  flows: readonly FlowNode[],
  { profileInto }: { profileInto?: string | undefined } = {},
): Promise<NodeRedPipeline> {
  const folder = await tempDir();
  const portFile = folder.file("loop-probe-port");
  const nodeRed = await NodeRed.start({
    version: "5",
    flows,
    nodeArgs: [
      "--require",
      join(__dirname, "..", "load", "loop-probe.js"),
      ...(profileInto === undefined ? [] : ["--cpu-prof", "--cpu-prof-dir", profileInto]),
    ],
    env: { HEADRACE_LOOP_PROBE: portFile },
  });
  const port = await eventually(() => readFile(portFile, "utf8"), { what: "port of the loop probe" });
  await folder.remove();
  const ask = async (path: string): Promise<LoopDelay> => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`);
    const answer: LoopDelay = JSON.parse(await response.text());
    return answer;
  };

  let peak: number | undefined;
  const peakRss = (): number | undefined => {
    peak = processMemory(nodeRed.pid)?.peak ?? peak;
    return peak;
  };
  const stopTimed = async (): Promise<number> => {
    peakRss();
    return (await nodeRed.stop()).milliseconds;
  };
  return {
    nodeRed,
    taken: async () => sumOfTaken(await nodeRed.adminGet("/headrace/metrics")),
    peakRss,
    loopDelay: () => ask("/"),
    resetLoopDelay: async () => void (await ask("/reset")),
    log: () => nodeRed.logs.slice(-40).join("\n"),
    stopTimed,
    stop: async () => void (await stopTimed()),
  };
}
