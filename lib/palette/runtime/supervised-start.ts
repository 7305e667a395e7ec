import { sleep } from "../../engine/backoff.js";
import { HeadraceError, isHeadraceError, reasonOf } from "../../engine/errors.js";

/** Flume's supervisor looks every 3 s and tries again to start what is not started. */
const RETRY_SECONDS = 3;

export interface StartEvents {
  report(error?: unknown): void;
  started(): void;
}

/** Starts a component, again and again until it can; `stop` ends the trying, and then the component. */
export class SupervisedStart {
  readonly #component: { start(): Promise<void>; stop(): Promise<void> };
  readonly #events: StartEvents;
  readonly #before: Promise<unknown>;
  readonly #stopped = new AbortController();
  #running: Promise<void> | undefined;
  #started = false;
  #settle: () => void = () => undefined;
  /** Resolves once it has started, or will not start any more. */
  readonly settled = new Promise<void>((resolve) => (this.#settle = resolve));

  /** `before`: the component's predecessor on its way out, which may still hold a port or a directory. */
  constructor(
    component: { start(): Promise<void>; stop(): Promise<void> },
    before: Promise<unknown> | undefined,
    events: StartEvents,
  ) {
    this.#component = component;
    this.#before = before ?? Promise.resolve();
    this.#events = events;
  }

  get started(): boolean {
    return this.#started;
  }

  get begun(): boolean {
    return this.#running !== undefined;
  }

  begin(): void {
    this.#running ??= this.#run();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#settle();
    await this.#running;
    this.#started = false;
    await this.#component.stop();
  }

  /** Tries no more, and leaves the component as it is: another starts it from now on. */
  async handOver(): Promise<void> {
    this.#stopped.abort();
    this.#settle();
    await this.#running;
  }

  async #run(): Promise<void> {
    await this.#before;
    const { signal } = this.#stopped;
    for (let failures = 0; !signal.aborted; failures++) {
      try {
        await this.#component.start();
        this.#started = true;
        this.#settle();
        if (failures > 0) this.#events.report();
        if (!signal.aborted) this.#events.started();
        return;
      } catch (error) {
        this.#events.report(
          isHeadraceError(error)
            ? error
            : new HeadraceError("FLUME_START_FAILED", { reason: reasonOf(error), seconds: RETRY_SECONDS }, error),
        );
        await sleep(RETRY_SECONDS * 1000, signal);
      }
    }
  }
}
