import { readConfig } from "../../lib/engine/properties.js";
import { component as projectNode } from "../../nodes/config/loghub-project/component.js";
import { component } from "../../nodes/sinks/loghub/component.js";
import { faults } from "../loghub/emulator/faults.js";
import { decodeLogGroup } from "../loghub/emulator/log-groups.js";
import { startLogService } from "../loghub/emulator/log-service.js";
import { testContext } from "../support/component-context.js";
import type { SinkBench } from "./sink-behaviours.js";

/** Its far side is the Log Service emulator with one shard, where the order of logs can be told. */
export async function loghubBench(): Promise<SinkBench> {
  const service = await startLogService({ shards: 1 });
  const { endpoint, project, logstore, key } = service;
  const { config } = readConfig(projectNode.properties, {
    endpoint,
    project,
    accessKeyId: key.id,
    accessKey: key.secret,
  });
  const shared = { project: { id: "project", name: "project", config, shared: {} } };
  const context = Object.assign(testContext(), { shared });
  const settings = readConfig(component.properties, { project: "project", logstore, concurrency: 1 });
  if (settings.problems[0]) throw settings.problems[0];
  const sink = component.create(settings.config, context);
  return {
    sink,
    context,
    written: async () => {
      const shard = service.store().shard(0);
      const groups = Array.from({ length: shard.end }, (_, place) => shard.at(place)?.bytes ?? Buffer.alloc(0));
      return groups.flatMap((bytes) => decodeLogGroup(bytes).logs).map(({ contents }) => String(contents[0]?.[1]));
    },
    breakDown: async () => void service.inject({ on: "PutLogs" }, faults.reset()),
    repair: async () => service.endFaults(),
    end: async () => {
      await sink.stop();
      await service.close();
    },
  };
}
