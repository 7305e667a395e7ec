import type { ChannelComponent, RoutingComponent, SinkComponent, SourceComponent } from "../../lib/engine/component.js";
import type { Channel } from "../../lib/engine/contracts.js";
import { Counters } from "../../lib/engine/counters.js";
import { type ConfigOf, type Properties, readConfig } from "../../lib/engine/properties.js";
import { RefusalExit } from "../../lib/engine/refusal.js";
import { testContext } from "../support/component-context.js";
import { fastClock } from "../support/fast-clock.js";
import { tempDir } from "../support/temp-dir.js";
import { createProcessor } from "../../nodes/routing/sink-processor/create-processor.js";
import { component as sinkProcessor } from "../../nodes/routing/sink-processor/component.js";
import type { ChannelFactory } from "./channel/channel-bench.js";
import type { ProcessorSubject, RouterSubject } from "./subjects.js";
import type { SinkBench } from "./sink-behaviours.js";
import type { SourceBench } from "./source-behaviours.js";

type Raw = Readonly<Record<string, unknown>>;

function configOf<P extends Properties>(properties: P, raw: Raw): ConfigOf<P> {
  const { config, problems } = readConfig(properties, raw);
  if (problems[0]) throw problems[0];
  return config;
}

/** Channels whose settings are named as the memory channel's, each with a folder of its own. */
export async function channelFactory<P extends Properties>(
  component: ChannelComponent<P>,
  /** Settings beside the usual ones, in the channel's folder. */
  more: (folder: string, settings: Raw) => Raw = () => ({}),
): Promise<ChannelFactory> {
  const folder = await tempDir();
  let made = 0;
  return {
    create: async (settings): Promise<Channel> => {
      const id = `channel-${++made}`;
      const storage = folder.file(id);
      // The byte capacity asked for is to be had in full.
      const raw = { byteCapacityBufferPercentage: 0, ...settings, ...more(storage, { ...settings }) };
      return component.create(configOf(component.properties, raw), testContext(id, storage));
    },
    dispose: () => folder.remove(),
  };
}

/** A source that makes its events itself. */
export function generatingSource<P extends Properties>(component: SourceComponent<P>, settings: Raw): SourceBench {
  const context = testContext();
  return {
    source: component.create(configOf(component.properties, settings), context),
    context,
    feed: async () => undefined,
    end: async () => undefined,
  };
}

/** A sink that writes nowhere but into its context. */
export function sinkBench<P extends Properties>(component: SinkComponent<P>, settings: Raw = {}): SinkBench {
  const context = testContext();
  return {
    sink: component.create(configOf(component.properties, settings), context),
    context,
    end: async () => undefined,
  };
}

/** The sink processor with three outputs, by a quick clock. */
export function processor(settings: Raw): ProcessorSubject["bench"] {
  const sinks = [{ priority: 1 }, { priority: 2 }, { priority: 3 }];
  return () => {
    let stop: (() => void) | undefined;
    return {
      wire(ports) {
        const config = configOf(sinkProcessor.properties, { sinks, ...settings });
        const router = createProcessor(config, { ...testContext("processor"), refusal: undefined }, fastClock);
        stop = () => router.stop?.();
        const inlet = router.inlet?.({ length: ports.length, at: (port) => ports[port] ?? [] });
        if (!inlet) throw new Error("The processor has no inlet");
        return { inlet, stop };
      },
      end: async () => stop?.(),
    };
  };
}

export function router<P extends Properties>(
  component: RoutingComponent<P>,
  ports: number,
  settings: Raw,
): RouterSubject["bench"] {
  return () => {
    const context = testContext("router");
    const refusal = new RefusalExit("block", "router", new Counters(), () => []);
    const made = component.create(configOf(component.properties, settings), { ...context, refusal });
    return { router: made, ports, end: async () => made.stop?.() };
  };
}
