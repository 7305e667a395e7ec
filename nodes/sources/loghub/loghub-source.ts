import { type Clock, steadyClock } from "../../../lib/engine/clock.js";
import type { ComponentContext } from "../../../lib/engine/component.js";
import type { Outlet, Source, SourceShare } from "../../../lib/engine/contracts.js";
import { LogEvents } from "../../../lib/formats/log-groups/log-events.js";
import { GroupConsumer } from "../../../lib/protocols/loghub/consumer/group-consumer.js";
import { Troubles } from "../../../lib/protocols/loghub/consumer/troubles.js";
import { openLogStore } from "../../../lib/protocols/loghub/log-store.js";
import type { LogStore } from "../../../lib/protocols/loghub/port.js";
import { logStoreSettings } from "../../../lib/protocols/loghub/project-settings.js";
import type { LogHubSourceSettings } from "./component.js";
import { consumerSettings, eventForm } from "./consumer-settings.js";
import { EventDelivery } from "./event-delivery.js";

/** How long the status speaks of a place that had expired, in milliseconds. */
const EXPIRY_SHOWN = 3_600_000;

/** What stands behind a source: the service, and the time. */
export interface LogHubSourceMeans {
  open(context: ComponentContext, logstore: string): LogStore;
  /** Steady. */
  readonly clock: Clock;
}

const REAL: LogHubSourceMeans = {
  open: ({ shared, log }, logstore) => openLogStore(logStoreSettings(shared["project"], { logstore, log })),
  clock: steadyClock,
};

/** Reads a logstore as a member of a consumer group. Checkpoints are written after delivery. */
export class LogHubSource implements Source {
  readonly #settings: LogHubSourceSettings;
  readonly #context: ComponentContext;
  readonly #means: LogHubSourceMeans;
  #running: { readonly store: LogStore; readonly consumer: GroupConsumer } | undefined;
  #stopping: Promise<void> | undefined;

  constructor(settings: LogHubSourceSettings, context: ComponentContext, means: LogHubSourceMeans = REAL) {
    this.#settings = settings;
    this.#context = context;
    this.#means = means;
    context.counters.gauge("LogHubShardCount", () => this.#running?.consumer.held ?? 0);
    context.counters.gauge("LogHubLagSeconds", () => this.#running?.consumer.lag ?? 0);
  }

  get share(): SourceShare | undefined {
    if (!this.#running) return undefined;
    const { held, lag, sinceExpiry } = this.#running.consumer;
    return { held, lag, expired: sinceExpiry < EXPIRY_SHOWN };
  }

  async start(out: Outlet): Promise<void> {
    await this.#stopping;
    if (this.#running) return;
    const { clock } = this.#means;
    const { counters, log } = this.#context;
    const settings = consumerSettings(this.#settings, this.#context);
    const logs = new LogEvents(eventForm(this.#settings));
    const troubles = new Troubles((error) => this.#context.report(error));
    const delivery = new EventDelivery(this.#settings, out, counters, clock, troubles);
    const store = this.#means.open(this.#context, this.#settings.logstore);
    const consumer = new GroupConsumer(settings, {
      store,
      clock,
      wallTime: Date.now,
      counters,
      log,
      troubles,
      events: (groups) => logs.batches(groups, settings.batchSize),
      deliver: (events, where, signal, confirm) => delivery.deliver(events, where, signal, confirm),
    });
    this.#running = { store, consumer };
  }

  async stop(): Promise<void> {
    const running = this.#running;
    this.#running = undefined;
    if (running) {
      this.#stopping = running.consumer.stop().finally(() => {
        running.store.close();
        this.#stopping = undefined;
      });
    }
    await this.#stopping;
  }
}
