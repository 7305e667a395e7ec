import { itBehaves } from "./behaviours.js";
import { channelBehaviours } from "./channel/behaviours.js";
import { ChannelBench } from "./channel/channel-bench.js";
import { processorBehaviours } from "./processor-behaviours.js";
import { routerBehaviours } from "./router-behaviours.js";
import { sinkBehaviours } from "./sink-behaviours.js";
import { sourceBehaviours } from "./source-behaviours.js";
import { channels, processors, routers, sinks, sources } from "./table.js";

describe("conformance", () => {
  for (const { name, notAsked = {}, bench } of sources) {
    describe(`${name} source`, () => itBehaves(sourceBehaviours, notAsked, bench));
  }
  for (const { name, notAsked = {}, factory } of channels) {
    const bench = async () => new ChannelBench(await factory());
    describe(`${name} channel`, () => itBehaves(channelBehaviours, notAsked, bench));
  }
  for (const { name, notAsked = {}, bench } of sinks) {
    describe(`${name} sink`, () => itBehaves(sinkBehaviours, notAsked, bench));
  }
  for (const { name, notAsked = {}, bench } of processors) {
    describe(`${name} processor`, () => itBehaves(processorBehaviours, notAsked, bench));
  }
  for (const { name, notAsked = {}, bench } of routers) {
    describe(name, () => itBehaves(routerBehaviours, notAsked, bench));
  }
});
