// One LogHub source as a process: started by SourceProcess, which it hands its logs to.
import type { EventBatch } from "../../../lib/engine/batch.js";
import type { Outlet } from "../../../lib/engine/contracts.js";
import { deliveryAborted } from "../../../lib/engine/errors.js";
import { DeliveryLane } from "../../../lib/engine/lane.js";
import type { FromSource, ToSource } from "./source-process.js";
import { logsOf, RunningSource } from "./sources.js";

const waiting = new Map<number, () => void>();
let sent = 0;

async function hand(batch: EventBatch, signal: AbortSignal): Promise<void> {
  if (signal.aborted) throw deliveryAborted();
  const number = ++sent;
  const message: FromSource = { number, at: Date.now(), logs: logsOf(batch) };
  await new Promise<void>((resolve, reject) => {
    waiting.set(number, resolve);
    signal.addEventListener("abort", () => reject(deliveryAborted()), { once: true });
    process.send?.(message);
  });
}

const outlet: Outlet = {
  limits: { events: Number.POSITIVE_INFINITY, bytes: Number.POSITIVE_INFINITY },
  deliver: hand,
  lane: () =>
    new DeliveryLane(async (batch, signal) => ({ commit: () => hand(batch, signal), abort: () => undefined })),
};

let source: RunningSource | undefined;

process.on("message", ({ start, stop, taken }: ToSource) => {
  if (taken !== undefined) {
    waiting.get(taken)?.();
    waiting.delete(taken);
  }
  if (start) {
    source = new RunningSource(start.service, start.consumer, start.settings, {}, outlet);
    void source.start();
  }
  if (stop) void source?.stop().then(() => process.disconnect());
});
process.on("disconnect", () => process.exit());
