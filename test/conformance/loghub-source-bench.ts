import { defaultsOf, readConfig } from "../../lib/engine/properties.js";
import { component as project } from "../../nodes/config/loghub-project/component.js";
import { component } from "../../nodes/sources/loghub/component.js";
import { startLogService } from "../loghub/emulator/log-service.js";
import { testContext } from "../support/component-context.js";
import type { SourceBench } from "./source-behaviours.js";

/** A LogHub source with one shard of the emulator before it. */
export async function logHubSourceBench(): Promise<SourceBench> {
  const service = await startLogService({ shards: 1 });
  const { config } = readConfig(project.properties, {
    ...defaultsOf(project.properties),
    endpoint: service.endpoint,
    project: service.project,
    accessKeyId: service.key.id,
    accessKey: service.key.secret,
  });
  const quick = {
    consumerPosition: "begin",
    batchSize: 2,
    batchDurationMillis: 1,
    checkpointInterval: 10,
    fetchIntervalMs: 10,
    backoffSleepIncrement: 1,
    maxBackoffSleep: 10,
  };
  const settings = readConfig(component.properties, { ...quick, project: "project", logstore: service.logstore });
  const context = testContext("loghub");
  const shared = { project: { id: "project", name: "project", config, shared: {} } };
  let fed = 0;
  return {
    source: component.create(settings.config, { ...context, shared }),
    context,
    async feed(events) {
      const time = Math.floor(Date.now() / 1_000);
      for (let i = 0; i < events; i++) {
        service.store().appendLogs({ logs: [{ time, contents: [["number", String(fed++)]] }] }, 0);
      }
    },
    end: () => service.close(),
  };
}
