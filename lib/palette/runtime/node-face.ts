import { steadyClock } from "../../engine/clock.js";
import type { Logger } from "../../engine/component.js";
import { Counters } from "../../engine/counters.js";
import { errorText, HeadraceError, isHeadraceError, reasonOf } from "../../engine/errors.js";
import type { DeployPhase } from "./deploy-phase.js";
import { errorCatalogue } from "./language.js";
import type { NodeStatus, RedNode } from "./node-red.js";

/** The same problem is told to Catch nodes and the log at most this often, in milliseconds; the status stays red. */
const REPEAT_AFTER = 10_000;

/** An error as Catch nodes and the log show it: message and next step in the runtime's language, and the code. */
export function shownError(error: HeadraceError): Error {
  const { message, next } = errorText(error, errorCatalogue());
  const shown = new Error(`${message} ${next} [${error.code}]`, { cause: error });
  Object.assign(shown, { code: error.code });
  return shown;
}

/**
 * The same for a node's log. Of an Error the debug sidebar shows the first few letters of each property, stack and all;
 * this it shows as it does a text. Catch nodes find `code` and `cause` in `msg.error` all the same.
 */
export class Problem extends String {
  readonly code: string;
  readonly cause: HeadraceError;

  constructor(error: HeadraceError) {
    super(shownError(error).message);
    this.code = error.code;
    this.cause = error;
  }
}

/** The same for the same problem: the id that a service gives each request is another one every time. */
function aboutProblem({ code, parameters }: HeadraceError): string {
  return JSON.stringify([code, { ...parameters, request: undefined }]);
}

/**
 * A node as Node-RED and its users see it: log, errors, status. It stays while node objects come and go with
 * deploys: `attach` binds it to the object of now.
 */
export class NodeFace {
  readonly id: string;
  readonly counters = new Counters();
  readonly log: Logger;
  readonly #phase: DeployPhase;
  #shell: RedNode | undefined;
  /** The last object while a deploy replaces it: a sink that writes meanwhile must not lose what it logs. */
  #voice: RedNode | undefined;
  #problem: HeadraceError | undefined;
  #reported = new Map<string, number>();
  #shownStatus = "";

  constructor(id: string, phase: DeployPhase) {
    this.id = id;
    this.#phase = phase;
    this.log = {
      debug: (text) => this.#voice?.debug(text),
      info: (text) => this.#voice?.log(text),
      warn: (text) => this.#voice?.warn(text),
      error: (text, cause) => this.report(cause ?? new Error(text)),
    };
  }

  get name(): string {
    return this.#voice?.name || this.id;
  }

  get shell(): RedNode | undefined {
    return this.#shell;
  }

  get problem(): HeadraceError | undefined {
    return this.#problem;
  }

  attach(shell: RedNode): void {
    this.#shell = shell;
    this.#voice = shell;
    this.#shownStatus = "";
  }

  detach(): void {
    this.#shell = undefined;
  }

  report(error?: unknown): void {
    if (error === undefined) {
      this.#problem = undefined;
      this.#reported.clear();
      return;
    }
    const problem = isHeadraceError(error)
      ? error
      : new HeadraceError("FLUME_FAILED", { reason: reasonOf(error) }, error);
    // Refusals because of a deploy or a stop are how work is handed over, not problems.
    if (problem.code === "FLUME_STOPPED" && !this.#phase.running) return;
    this.#problem = problem;
    const now = steadyClock.now();
    const about = aboutProblem(problem);
    if (now - (this.#reported.get(about) ?? Number.NEGATIVE_INFINITY) < REPEAT_AFTER) return;
    if (this.#reported.size > 100) this.#reported.clear();
    this.#reported.set(about, now);
    const { message, next } = errorText(problem, errorCatalogue());
    // With a message of its own, so that Catch nodes get it.
    this.#shell?.error(new Problem(problem), { flume: { code: problem.code, message, next, node: this.id } });
  }

  /** Called about once a second; sends only what changed. */
  showStatus(status: NodeStatus): void {
    const text = JSON.stringify(status);
    if (text === this.#shownStatus) return;
    this.#shownStatus = text;
    this.#shell?.status(status);
  }
}
