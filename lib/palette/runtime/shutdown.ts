import { sleep, within } from "../../engine/backoff.js";
import { steadyClock } from "../../engine/clock.js";
import { isLiveChannel, notDrained } from "./live-channel.js";
import type { LiveNode } from "./live-node.js";
import { shownError } from "./node-face.js";

/**
 * Node-RED waits 15 s for each node to close, and service managers hardly longer. With the default for draining,
 * everything together ends within 10 s, whatever hangs.
 */
const STOP_WAITS = { sources: 1500, channels: 1000, sinks: 1500, rest: 1000 };
const DEFAULT_DRAIN_SECONDS = 5;
const MOST_DRAIN_SECONDS = 8;

/** `headrace: { drainSeconds: 5 }` in settings.js: how long channels may deliver what they hold when flows stop. */
export function drainSeconds(settings: Readonly<Record<string, unknown>>): number {
  const { headrace } = settings as { headrace?: { drainSeconds?: unknown } };
  const wanted = headrace?.drainSeconds;
  return typeof wanted === "number" && wanted >= 0 ? Math.min(wanted, MOST_DRAIN_SECONDS) : DEFAULT_DRAIN_SECONDS;
}

/** Sources stop reading, channels deliver what they hold as far as time allows, sinks flush, channels close. */
export async function drainAndStop(
  nodes: readonly LiveNode[],
  settings: Readonly<Record<string, unknown>>,
): Promise<void> {
  const seconds = drainSeconds(settings);
  const channels = nodes.filter(isLiveChannel);
  const of = (group: LiveNode["counterGroup"]) => nodes.filter((node) => node.counterGroup === group);

  await stopAll(of("SOURCE"), STOP_WAITS.sources);
  const deadline = steadyClock.now() + seconds * 1000;
  while (steadyClock.now() < deadline && channels.some((channel) => !channel.drained)) await sleep(10);
  for (const channel of channels) {
    const left = notDrained(channel, seconds);
    if (left) channel.face.log.warn(shownError(left).message);
  }
  await within(STOP_WAITS.channels, Promise.all(channels.map((channel) => channel.pause())));
  await stopAll(of("SINK"), STOP_WAITS.sinks);
  await stopAll([...of(undefined), ...channels], STOP_WAITS.rest);
}

async function stopAll(nodes: readonly LiveNode[], milliseconds: number): Promise<void> {
  // Whoever does not end in time is left behind: the process must be able to end.
  await within(
    milliseconds,
    Promise.all(nodes.map((node) => node.stop().catch((error: unknown) => node.face.report(error)))),
  );
}
