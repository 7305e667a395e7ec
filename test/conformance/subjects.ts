import type { NotAsked } from "./behaviours.js";
import type { channelBehaviours } from "./channel/behaviours.js";
import type { ChannelFactory } from "./channel/channel-bench.js";
import type { ProcessorBench, processorBehaviours } from "./processor-behaviours.js";
import type { RouterBench, routerBehaviours } from "./router-behaviours.js";
import type { SinkBench, sinkBehaviours } from "./sink-behaviours.js";
import type { SourceBench, sourceBehaviours } from "./source-behaviours.js";

/** A component that is put through the behaviours of its role. */
interface Subject<B> {
  readonly name: string;
  /** Behaviours that it need not have, each with the reason. */
  readonly notAsked?: NotAsked<B>;
  /** Why it cannot be tried on this machine, or undefined when it can. */
  unavailable?(): Promise<string | undefined>;
}

export interface SourceSubject extends Subject<typeof sourceBehaviours> {
  bench(): SourceBench | Promise<SourceBench>;
}
export interface ChannelSubject extends Subject<typeof channelBehaviours> {
  factory(): ChannelFactory | Promise<ChannelFactory>;
}
export interface SinkSubject extends Subject<typeof sinkBehaviours> {
  bench(): SinkBench | Promise<SinkBench>;
}
export interface ProcessorSubject extends Subject<typeof processorBehaviours> {
  bench(): ProcessorBench;
}
export interface RouterSubject extends Subject<typeof routerBehaviours> {
  bench(): RouterBench;
}
