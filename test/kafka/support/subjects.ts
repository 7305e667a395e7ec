import type { TestContext } from "../../support/component-context.js";
import { defaultsOf, readConfig, type ConfigOf } from "../../../lib/engine/properties.js";
import { component as channelComponent } from "../../../nodes/channels/kafka/component.js";
import { component as sinkComponent } from "../../../nodes/sinks/kafka/component.js";
import { component as sourceComponent } from "../../../nodes/sources/kafka/component.js";
import type { Channel, Sink, Source } from "../../../lib/engine/contracts.js";

type Settings<C extends { properties: unknown }> = Partial<ConfigOf<C["properties"]>>;

/** Components with the settings of a new node, but for those that a test cares about. */
export function kafkaSource(context: TestContext, settings: Settings<typeof sourceComponent>): Source {
  const given = {
    ...defaultsOf(sourceComponent.properties),
    autoOffsetReset: "earliest",
    batchDurationMillis: 200,
    ...settings,
  };
  return sourceComponent.create(readConfig(sourceComponent.properties, given).config, context);
}

export function kafkaSink(context: TestContext, settings: Settings<typeof sinkComponent>): Sink {
  const given = { ...defaultsOf(sinkComponent.properties), acks: "all", ...settings };
  return sinkComponent.create(readConfig(sinkComponent.properties, given).config, context);
}

export function kafkaChannel(context: TestContext, settings: Settings<typeof channelComponent>): Channel {
  const given = { ...defaultsOf(channelComponent.properties), ...settings };
  return channelComponent.create(readConfig(channelComponent.properties, given).config, context);
}
