import type { EventBatch } from "../../../lib/engine/batch.js";
import type { Limits, Outlet, Source } from "../../../lib/engine/contracts.js";
import { type ConfigOf, defaultsOf, readConfig } from "../../../lib/engine/properties.js";
import { component as projectComponent } from "../../../nodes/config/loghub-project/component.js";
import { component as sourceComponent } from "../../../nodes/sources/loghub/component.js";
import { onLeftover } from "../../support/cleanup.js";
import { type TestContext, testContext } from "../../support/component-context.js";
import { TestOutlet } from "../../support/outlets.js";
import type { LogService } from "../emulator/log-service.js";
import type { AccessKey } from "../emulator/request-checks.js";

export type SourceSettings = Partial<ConfigOf<typeof sourceComponent.properties>>;
export type ProjectSettings = Partial<ConfigOf<typeof projectComponent.properties>>;

/** One log that a source has delivered, by the fields that the tests' logs have. */
export interface Emission {
  readonly consumer: string;
  readonly shard: number;
  readonly id: number;
  /** Milliseconds since 1970. */
  readonly at: number;
}

/** Settings of a source that does in seconds what a new node does in minutes. */
const QUICK: SourceSettings = {
  logstore: "logs",
  consumerGroup: "g",
  consumerPosition: "begin",
  heartbeatInterval: 1_000,
  groupTimeout: 20,
  checkpointInterval: 200,
  fetchIntervalMs: 20,
  batchDurationMillis: 50,
  backoffSleepIncrement: 50,
  maxBackoffSleep: 100,
};

/** A LogHub source under test, the component as it is behind the node, with a key of its own. */
export class RunningSource {
  readonly consumer: string;
  readonly context: TestContext;
  /** What has come out, and how it is taken. */
  readonly outlet = new TestOutlet();
  readonly emissions: Emission[] = [];
  readonly key: AccessKey;
  readonly #source: Source;
  #forget: () => void = () => undefined;

  constructor(service: LogService, consumer: string, settings: SourceSettings = {}, project: ProjectSettings = {}) {
    this.consumer = consumer;
    this.context = testContext(consumer);
    this.key = service.keys.get(consumer) ?? service.addKey(consumer);
    const projectConfig = {
      ...readConfig(projectComponent.properties, { ...defaultsOf(projectComponent.properties), ...project }).config,
      endpoint: service.endpoint,
      project: service.project,
      region: service.region,
      accessKeyId: this.key.id,
      accessKey: this.key.secret,
      ...project,
    };
    const given = { ...defaultsOf(sourceComponent.properties), ...QUICK, consumer, ...settings };
    const shared = { project: { id: "project", name: "project", config: projectConfig, shared: {} } };
    const { config } = readConfig(sourceComponent.properties, { ...given, project: "project" });
    this.#source = sourceComponent.create(config, { ...this.context, shared });
  }

  async start(): Promise<this> {
    this.#forget = onLeftover(`LogHub source ${this.consumer}`, () => this.#source.stop());
    await this.#source.start(new NotingOutlet(this.outlet, (batch) => this.#note(batch)));
    return this;
  }

  async stop(): Promise<void> {
    this.#forget();
    await this.#source.stop();
  }

  get share(): Source["share"] {
    return this.#source.share;
  }

  get ids(): number[] {
    return this.emissions.map(({ id }) => id);
  }

  counted(name: Parameters<TestContext["counters"]["add"]>[0]): number {
    return this.context.counters.get(name);
  }

  /** Codes of what was reported, in order; undefined where a trouble was over. */
  get reported(): (string | undefined)[] {
    return this.context.reports.map((error) => (error as { code?: string } | undefined)?.code);
  }

  /** Lines of the log that name a code. */
  warned(code: string): number {
    return this.context.lines.filter((line) => line.includes(`[${code}]`)).length;
  }

  #note(batch: EventBatch): void {
    const at = Date.now();
    for (const event of batch) {
      const { id, shard } = JSON.parse(event.body.toString()) as { id?: string; shard?: string };
      if (id !== undefined) this.emissions.push({ consumer: this.consumer, shard: Number(shard), id: Number(id), at });
    }
  }
}

/** Notes what has been accepted, at the moment of its acceptance. */
class NotingOutlet implements Outlet {
  readonly #outlet: TestOutlet;
  readonly #note: (batch: EventBatch) => void;

  constructor(outlet: TestOutlet, note: (batch: EventBatch) => void) {
    this.#outlet = outlet;
    this.#note = note;
  }

  get limits(): Limits {
    return this.#outlet.limits;
  }

  async deliver(batch: EventBatch, signal: AbortSignal): Promise<void> {
    await this.#outlet.deliver(batch, signal);
    this.#note(batch);
  }

  lane(): ReturnType<Outlet["lane"]> {
    const lane = this.#outlet.lane();
    return {
      deliver: async (batch, signal) => {
        await lane.deliver(batch, signal);
        this.#note(batch);
      },
      reset: () => lane.reset(),
    };
  }
}
