import { join } from "node:path";
import { tmpdir } from "node:os";
import type { SinkContext } from "../../lib/engine/component.js";
import type { EventBatch } from "../../lib/engine/batch.js";
import { Counters } from "../../lib/engine/counters.js";

/** What a component is given, remembering what it is told. */
export interface TestContext extends SinkContext {
  readonly lines: string[];
  /** Errors reported, `undefined` where one was over. */
  readonly reports: unknown[];
  readonly debugged: EventBatch[];
}

/** `storage` is made by whoever writes there: tests that do so give a folder of their own. */
export function testContext(id = "under-test", storage = join(tmpdir(), "headrace-not-there")): TestContext {
  const lines: string[] = [];
  const reports: unknown[] = [];
  const debugged: EventBatch[] = [];
  const log = (text: string) => void lines.push(text);
  return {
    id,
    name: id,
    shared: {},
    storage,
    log: { debug: log, info: log, warn: log, error: log },
    counters: new Counters(),
    report: (error) => void reports.push(error),
    debug: (batch) => void debugged.push(batch),
    lines,
    reports,
    debugged,
  };
}
