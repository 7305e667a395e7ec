import { HeadraceError } from "../../../engine/errors.js";
import type { DeployPhase } from "../deploy-phase.js";
import type { NodeRed, RedNode } from "../node-red.js";
import { MessageTracker } from "./message-tracker.js";
import { missingInternal } from "./node-internals.js";
import { takesOneByOne } from "./node-rules.js";
import { type PathLabel, PathLabels } from "./path-labels.js";
import type { TrackedBatch } from "./tracked-batch.js";
import type { TrackedInlet } from "./tracked-inlet.js";

/** How often time limits are looked at, in milliseconds. */
const LOOK_EVERY = 200;
/** Named in the error of a batch that ran out of time. */
const MOST_NAMED = 3;

/** All tracked paths of one Node-RED, and the batches on them. */
export class TrackedPaths {
  readonly tracker: MessageTracker;
  readonly #red: NodeRed;
  readonly #labels: PathLabels;
  /** Batches in the order of their hand-over. */
  readonly #batches = new Map<TrackedInlet, TrackedBatch[]>();
  #inlets: ReadonlySet<TrackedInlet> = new Set();
  #looking: NodeJS.Timeout | undefined;
  #missing: string | undefined;

  constructor(red: NodeRed, phase: DeployPhase) {
    this.#red = red;
    this.#labels = new PathLabels(red);
    this.tracker = new MessageTracker(red, { sentLate: (node) => this.#sentLate(node) });
    phase.watch({
      deploying: () => {
        this.tracker.deployBegins();
        for (const inlet of this.#inlets) inlet.refuseWaiting();
      },
      stopping: () => this.#giveUpAll(),
      running: (complete) => this.tracker.deployEnds(complete),
    });
  }

  /** What a wire to `target` promises now. */
  labelOf(target: RedNode): PathLabel | undefined {
    return this.#labels.of(target);
  }

  /** Whether messages handed over to `target` at full speed would pile up behind it. */
  takesOneByOne(target: RedNode): boolean {
    return this.#labels.nodesOf(target).some(takesOneByOne);
  }

  /** Messages that nodes behind these wires have sent for events that were done with. */
  lateSends(targets: readonly RedNode[]): number {
    const nodes = new Set(targets.flatMap((target) => this.#labels.nodesOf(target)));
    let late = 0;
    for (const node of nodes) late += this.tracker.lateSends(node);
    return late;
  }

  wiresChanged(): void {
    this.#labels.forget();
  }

  /** Whether this Node-RED has what tracking needs; looked up on the first node there is. */
  possible(node: RedNode): boolean {
    this.#missing ??= missingInternal(this.#red, node) ?? "";
    return this.#missing === "";
  }

  /** The tracked inlets of now: hooks are there while there are any, or batches of earlier ones. */
  set(inlets: ReadonlySet<TrackedInlet>): void {
    this.#inlets = inlets;
    if (inlets.size > 0) this.tracker.install();
    else this.#removeWhenIdle();
  }

  begin(inlet: TrackedInlet, batch: TrackedBatch): void {
    const batches = this.#batches.get(inlet);
    if (batches) batches.push(batch);
    else this.#batches.set(inlet, [batch]);
    this.#looking ??= setInterval(() => this.#look(), LOOK_EVERY);
  }

  end(inlet: TrackedInlet, batch: TrackedBatch): void {
    const batches = this.#batches.get(inlet);
    // Nearly always the first.
    const index = batches?.indexOf(batch) ?? -1;
    if (index >= 0) batches?.splice(index, 1);
    if (batches?.length === 0) this.#batches.delete(inlet);
    if (this.#batches.size > 0) return;
    clearInterval(this.#looking);
    this.#looking = undefined;
    this.#removeWhenIdle();
  }

  #removeWhenIdle(): void {
    if (this.#inlets.size === 0 && this.#batches.size === 0) this.tracker.remove();
  }

  /**
   * A batch is out of time when neither it nor one before it on the same path has made any progress: behind a
   * Delay that lets one message a second pass, the last batches wait for long, and rightly so.
   */
  #look(): void {
    const now = performance.now();
    for (const [inlet, batches] of this.#batches) {
      let progress = 0;
      const late: TrackedBatch[] = [];
      for (const batch of batches) {
        progress = Math.max(progress, batch.lastProgress(now));
        if (batch.underWay > 0 && now - progress > inlet.timeLimit * 1000) late.push(batch);
      }
      if (late.length > 0) this.#timeOut(inlet, late);
    }
  }

  #timeOut(inlet: TrackedInlet, batches: readonly TrackedBatch[]): void {
    const holders = this.tracker.holdersOf(batches.flatMap(({ records }) => records));
    for (const { node, completes } of holders) if (!completes) this.#labels.neverCompleted(node);
    const names = holders.slice(0, MOST_NAMED).map(({ node }) => node.name || node.type);
    this.#giveUp(
      batches,
      new HeadraceError("FLUME_PATH_TIMEOUT", { seconds: inlet.timeLimit, nodes: names.join(", ") || "?" }),
    );
  }

  #giveUpAll(): void {
    for (const inlet of this.#inlets) inlet.refuseWaiting();
    this.#giveUp([...this.#batches.values()].flat(), new HeadraceError("FLUME_STOPPED"));
  }

  #giveUp(batches: readonly TrackedBatch[], error: HeadraceError): void {
    this.tracker.abort(batches.flatMap(({ records }) => records));
    for (const batch of batches) batch.failUnderWay(error);
  }

  #sentLate(node: RedNode): void {
    this.#labels.sentLate(node);
    this.#red.log.warn(new HeadraceError("FLUME_SENT_LATE", { node: node.name || node.type, id: node.id }).message);
  }
}
