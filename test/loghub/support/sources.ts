import type { EventBatch } from "../../../lib/engine/batch.js";
import type { Limits, Outlet, Source } from "../../../lib/engine/contracts.js";
import { type ConfigOf, defaultsOf, readConfig } from "../../../lib/engine/properties.js";
import { component as projectComponent } from "../../../nodes/config/loghub-project/component.js";
import { component as sourceComponent } from "../../../nodes/sources/loghub/component.js";
import { onLeftover } from "../../support/cleanup.js";
import { type TestContext, testContext } from "../../support/component-context.js";
import { TestOutlet } from "../../support/outlets.js";

export type SourceSettings = Partial<ConfigOf<typeof sourceComponent.properties>>;
export type ProjectSettings = Partial<ConfigOf<typeof projectComponent.properties>>;

/** One log that a source has delivered, by the fields that the tests' logs have. */
export interface Emission {
  readonly consumer: string;
  readonly shard: number;
  readonly id: number;
  /** Milliseconds since 1970. */
  readonly at: number;
  /** When the source that delivered it was started; a restart makes another one of it. */
  readonly started: number;
}

/** Where the service is, and as whom to come. */
export interface ServiceAddress {
  readonly endpoint: string;
  readonly project: string;
  readonly region: string;
  readonly key: { readonly id: string; readonly secret: string };
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
  readonly #source: Source;
  readonly #outlet: Outlet;
  #started = 0;
  #forget: () => void = () => undefined;

  /** @param outlet where its events go to instead of `outlet` */
  constructor(
    service: ServiceAddress,
    consumer: string,
    settings: SourceSettings = {},
    project: ProjectSettings = {},
    outlet?: Outlet,
  ) {
    this.consumer = consumer;
    this.context = testContext(consumer);
    this.#outlet = outlet ?? new NotingOutlet(this.outlet, (batch) => this.#note(batch));
    const projectConfig = {
      ...readConfig(projectComponent.properties, { ...defaultsOf(projectComponent.properties), ...project }).config,
      endpoint: service.endpoint,
      project: service.project,
      region: service.region,
      accessKeyId: service.key.id,
      accessKey: service.key.secret,
      ...project,
    };
    const given = { ...defaultsOf(sourceComponent.properties), ...QUICK, consumer, ...settings };
    const shared = { project: { id: "project", name: "project", config: projectConfig, shared: {} } };
    const { config } = readConfig(sourceComponent.properties, { ...given, project: "project" });
    this.#source = sourceComponent.create(config, { ...this.context, shared });
  }

  async start(): Promise<this> {
    this.#forget = onLeftover(`LogHub source ${this.consumer}`, () => this.#source.stop());
    this.#started = Date.now();
    await this.#source.start(this.#outlet);
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
    const told = { consumer: this.consumer, at: Date.now(), started: this.#started };
    for (const log of logsOf(batch)) this.emissions.push({ ...told, ...log });
  }
}

/** The logs of a batch that a ledger has written. */
export function logsOf(batch: EventBatch): { readonly id: number; readonly shard: number }[] {
  return [...batch].flatMap((event) => {
    const { id, shard } = JSON.parse(event.body.toString()) as { id?: string; shard?: string };
    return id === undefined ? [] : [{ id: Number(id), shard: Number(shard) }];
  });
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
