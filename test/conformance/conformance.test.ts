import { itBehaves } from "./behaviours.js";
import { channelBehaviours } from "./channel/behaviours.js";
import { ChannelBench } from "./channel/channel-bench.js";
import { stopSharedPostgresql } from "./database-subjects.js";
import { stopSharedKafka } from "./kafka-subjects.js";
import { processorBehaviours } from "./processor-behaviours.js";
import { routerBehaviours } from "./router-behaviours.js";
import { sinkBehaviours } from "./sink-behaviours.js";
import { sourceBehaviours } from "./source-behaviours.js";
import { channels, processors, routers, sinks, sources } from "./table.js";

describe("conformance", () => {
  after(stopSharedKafka);
  after(stopSharedPostgresql);
  for (const { name, bench, ...trial } of sources) {
    describe(`${name} source`, () => itBehaves(sourceBehaviours, trial, bench));
  }
  for (const { name, factory, ...trial } of channels) {
    const bench = async () => new ChannelBench(await factory());
    describe(`${name} channel`, () => itBehaves(channelBehaviours, trial, bench));
  }
  for (const { name, bench, ...trial } of sinks) {
    describe(`${name} sink`, () => itBehaves(sinkBehaviours, trial, bench));
  }
  for (const { name, bench, ...trial } of processors) {
    describe(`${name} processor`, () => itBehaves(processorBehaviours, trial, bench));
  }
  for (const { name, bench, ...trial } of routers) {
    describe(name, () => itBehaves(routerBehaviours, trial, bench));
  }
});
