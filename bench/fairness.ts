import { setTimeout as sleep } from "node:timers/promises";
import type { Bar, Bench, BenchOptions } from "./bench";
import { nodeRedFlows } from "./flows";
import type { LoopDelay } from "./load/loop-probe";
import { median, percentile } from "./measure/median";
import { rateDuring } from "./measure/rate";
import { eventRate, milliseconds } from "./report/figures";
import { nodeRedPipeline } from "./sides/node-red";
import { stressProperties } from "./stress";

const FLOWS = 20;
const WARM_UP_MS = 3_000;
const WINDOW_MS = 15_000;
/** About what an editor that is open and a person who clicks ask for. */
const ASK_EVERY_MS = 100;
/** Node-RED itself gives up after 15 s. */
const STOP_WITHIN_MS = 15_000;

interface Round {
  readonly eventsPerSecond: number;
  readonly loop: LoopDelay;
  readonly answers: readonly number[];
  readonly stop: number;
}

export const fairness: Bench = {
  about: "20 stress flows at full speed in one Node-RED: does anything else still get its turn?",
  async run(options) {
    const rounds: Round[] = [];
    for (let round = 1; round <= options.rounds; round++) {
      const others = await options.quietness.look();
      const result = await runRound(options);
      rounds.push(result);
      options.say(
        `round ${round}/${options.rounds}  loop p99 ${milliseconds(result.loop.p99)}, max ${milliseconds(result.loop.max)}${others}`,
      );
    }
    const p99 = median(rounds.map(({ loop }) => loop.p99));
    const max = Math.max(...rounds.map(({ loop }) => loop.max));
    const answers = rounds.flatMap((round) => round.answers);
    const answered = percentile(answers, 99);
    const stop = Math.max(...rounds.map((round) => round.stop));
    return {
      tables: [
        {
          title: `${FLOWS} stress flows at full speed in one Node-RED`,
          columns: ["figure", "value"],
          rows: [
            ["events/s, all flows together", eventRate(median(rounds.map((round) => round.eventsPerSecond)))],
            ["event-loop delay p50", milliseconds(median(rounds.map(({ loop }) => loop.p50)))],
            ["event-loop delay p99", milliseconds(p99)],
            ["event-loop delay, longest", milliseconds(max)],
            ["longest pause of the collector", milliseconds(Math.max(...rounds.map(({ loop }) => loop.gcMax)))],
            ["GET /flows p50", milliseconds(percentile(answers, 50))],
            ["GET /flows p99", milliseconds(answered)],
            ["GET /flows, longest", milliseconds(Math.max(...answers))],
            ["SIGTERM to exit, longest", milliseconds(stop)],
          ],
        },
      ],
      bars: [
        atMost("20 flows: event-loop delay p99", p99, 20),
        atMost("20 flows: event-loop delay, longest", max, 100),
        atMost("20 flows: GET /flows p99", answered, 100),
        atMost("20 flows: SIGTERM to exit", stop, STOP_WITHIN_MS),
      ],
    };
  },
};

async function runRound({ scale, profileInto }: BenchOptions): Promise<Round> {
  const flows = nodeRedFlows({ source: "stress", sourceProperties: stressProperties(100) }, FLOWS);
  const pipeline = await nodeRedPipeline(flows, { profileInto });
  let stop = Number.NaN;
  try {
    const answers: number[] = [];
    const asking = new AbortController();
    let asked: Promise<void> | undefined;
    const eventsPerSecond = await rateDuring(
      { warmUp: WARM_UP_MS * scale, window: WINDOW_MS * scale },
      () => pipeline.taken(),
      async () => {
        await pipeline.resetLoopDelay();
        asked = askForFlows(`${pipeline.nodeRed.url}/flows`, answers, asking.signal);
      },
    );
    const loop = await pipeline.loopDelay();
    asking.abort();
    await asked;
    stop = await pipeline.stopTimed();
    return { eventsPerSecond, loop, answers, stop };
  } catch (error) {
    throw new Error(`${String(error)}\n${pipeline.log()}`, { cause: error });
  } finally {
    if (Number.isNaN(stop)) await pipeline.nodeRed.kill();
  }
}

async function askForFlows(url: string, answers: number[], signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const asked = performance.now();
    await (await fetch(url)).arrayBuffer();
    answers.push(performance.now() - asked);
    await sleep(ASK_EVERY_MS, undefined, { signal }).catch(() => undefined);
  }
}

function atMost(what: string, got: number, limit: number): Bar {
  return { what, wanted: `≤ ${milliseconds(limit)}`, got: milliseconds(got), met: got <= limit };
}
