import type { HeadraceError } from "../../engine/errors.js";
import type { FlowWiring } from "./flow-wiring.js";
import { statusText } from "./language.js";
import type { LiveNode } from "./live-node.js";
import type { NodeStatus, RedNode } from "./node-red.js";
import { besideEachOther, shortNumber } from "./status-text.js";
import type { PathLabel } from "./tracking/path-labels.js";

/** Editors get each status as a message, without any merging, so once a second is the most. */
const INTERVAL = 1000;

/** What each node shows under itself on the canvas. */
export class StatusBoard {
  readonly #live: ReadonlyMap<string, LiveNode>;
  readonly #shells: ReadonlyMap<string, RedNode>;
  readonly #wiring: FlowWiring;
  readonly #progress = new Map<string, number>();
  #lastLook = performance.now();

  constructor(live: ReadonlyMap<string, LiveNode>, shells: ReadonlyMap<string, RedNode>, wiring: FlowWiring) {
    this.#live = live;
    this.#shells = shells;
    this.#wiring = wiring;
  }

  begin(): void {
    setInterval(() => this.#look(), INTERVAL).unref();
  }

  #look(): void {
    const now = performance.now();
    const seconds = (now - this.#lastLook) / 1000;
    this.#lastLook = now;
    for (const id of this.#progress.keys()) if (!this.#live.has(id)) this.#progress.delete(id);
    for (const [id, node] of this.#live) {
      const { progress } = node;
      const rate = (progress - (this.#progress.get(id) ?? 0)) / seconds;
      this.#progress.set(id, progress);
      if (this.#shells.has(id)) node.face.showStatus(this.#statusOf(node, rate));
    }
  }

  #statusOf(node: LiveNode, rate: number): NodeStatus {
    if (this.#wiring.onCycle(node.id)) return { fill: "red", shape: "ring", text: statusText("cycle") };
    const needsTarget = node.declaration.role !== "sink" && node.ports.length > 0;
    if (needsTarget && node.ports.every((port) => !port.wired)) {
      return { fill: node.face.problem ? "red" : "yellow", shape: "ring", text: statusText("noTarget") };
    }
    const { problem } = node.face;
    if (problem) return { fill: "red", shape: "ring", text: statusText(isOfSettings(problem) ? "invalid" : "problem") };
    const status = node.status(rate);
    const paths = this.#wiring.pathsOf(node.id);
    if (!paths) return status;
    const promise =
      paths === "tracked" ? statusText("tracked") : bestEffortText(paths, this.#wiring.lateSends(node.id));
    return { ...status, text: besideEachOther(status.text, promise) };
  }
}

/** What components find out for themselves. */
const OF_SETTINGS: ReadonlySet<string> = new Set([
  "FLUME_BATCH_SIZE_ABOVE_TRANSACTION",
  "FLUME_KAFKA_PROPERTY_UNSUPPORTED",
  "FLUME_KAFKA_PROPERTY_VALUE",
  "FLUME_KAFKA_TOKEN_MISSING",
  "FLUME_KAFKA_TOPICS_MISSING",
]);

/** Whether only a person can make it good, in a dialog. */
function isOfSettings({ code }: HeadraceError): boolean {
  return code.startsWith("FLUME_CONFIG_") || OF_SETTINGS.has(code);
}

/** "best effort: trigger (12 late)": the node that makes the path so, and messages that came too late. */
function bestEffortText({ reason, node }: PathLabel, late: number): string {
  if (reason === "handOver") return statusText("bestEffort");
  const counted = late > 0 ? ` (${shortNumber(late)} ${statusText("late")})` : "";
  return `${statusText("bestEffort")}: ${node.name || node.type}${counted}`;
}
