import assert from "node:assert/strict";
import type { SharedSettings } from "../../../lib/engine/component.js";
import { isHeadraceError } from "../../../lib/engine/errors.js";
import { readConfig } from "../../../lib/engine/properties.js";
import { openLogStore } from "../../../lib/protocols/loghub/log-store.js";
import type { LogStore } from "../../../lib/protocols/loghub/port.js";
import { logStoreSettings } from "../../../lib/protocols/loghub/project-settings.js";
import { component as projectNode } from "../../../nodes/config/loghub-project/component.js";
import { type LogService, startLogService } from "../emulator/log-service.js";

/** A loghub-project node, as components get it. */
export function projectOf(service: LogService, more: Readonly<Record<string, unknown>> = {}): SharedSettings {
  const { endpoint, project, key } = service;
  const raw = { endpoint, project, accessKeyId: key.id, accessKey: key.secret, timeout: 2_000, ...more };
  const { config, problems } = readConfig(projectNode.properties, raw);
  assert.deepEqual(problems, []);
  return { id: "project", name: "project", config, shared: {} };
}

/** For assert.rejects and assert.throws: an error of ours with this code, which `check` may look at. */
export const failsWith =
  (code: string, check: (error: { parameters: Readonly<Record<string, string | number>> }) => void = () => undefined) =>
  (error: unknown): true => {
    assert.ok(isHeadraceError(error), String(error));
    assert.equal(error.code, code, error.message);
    check(error);
    return true;
  };

/** For use inside describe(): services, and clients of them, which end with the test that has opened them. */
export class Clients {
  readonly services: LogService[] = [];
  readonly stores: LogStore[] = [];
  readonly warnings: string[] = [];
  readonly log = { warn: (text: string): void => void this.warnings.push(text) };

  readonly start = async (settings: Parameters<typeof startLogService>[0] = {}): Promise<LogService> => {
    const service = await startLogService(settings);
    this.services.push(service);
    return service;
  };

  readonly open = (service: LogService, more: Readonly<Record<string, unknown>> = {}): LogStore => {
    const { logstore } = service;
    const store = openLogStore(logStoreSettings(projectOf(service, more), { logstore, log: this.log }));
    this.stores.push(store);
    return store;
  };

  constructor() {
    afterEach(async () => {
      for (const store of this.stores.splice(0)) store.close();
      for (const service of this.services.splice(0)) await service.close();
    });
  }
}
