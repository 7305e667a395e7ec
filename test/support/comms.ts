import { WebSocket } from "ws";
import { eventually, type EventuallyOptions } from "./eventually.js";

export interface NodeStatus {
  readonly fill?: string;
  readonly shape?: string;
  readonly text?: string;
}

export interface DebugMessage {
  /** The Debug node, or the node whose error or warning it is. */
  readonly id: string;
  readonly name?: string;
  readonly topic?: string;
  readonly property?: string;
  /** As the editor gets it: text, or JSON for objects. */
  readonly msg: unknown;
  readonly format?: string;
}

interface Packet {
  readonly topic?: string;
  readonly data?: unknown;
}

/** What an open editor hears: listens at /comms as one does. */
export class Comms {
  /** The latest status of each node; an empty object when it was cleared. */
  readonly statuses = new Map<string, NodeStatus>();
  /** Every status of every node, in order. */
  readonly statusLog: { readonly id: string; readonly status: NodeStatus; readonly at: number }[] = [];
  readonly debug: DebugMessage[] = [];
  readonly notifications: { readonly topic: string; readonly data: unknown }[] = [];
  /** Packets received, and their bytes, for tests of how much is sent to a browser. */
  received = { packets: 0, bytes: 0 };
  readonly #socket: WebSocket;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on("message", (data: Buffer) => {
      this.received.bytes += data.length;
      this.#take(JSON.parse(data.toString("utf8")) as Packet | Packet[]);
    });
    // A Node-RED that is stopped closes the connection under us: no reason to end the test process.
    socket.on("error", () => undefined);
  }

  static async open(url: string): Promise<Comms> {
    const socket = new WebSocket(`${url.replace(/^http/, "ws")}/comms`);
    // Before it opens: retained messages come with the first subscription.
    const comms = new Comms(socket);
    await new Promise<void>((resolve, reject) => {
      socket.once("open", () => resolve());
      socket.once("error", reject);
    });
    for (const topic of ["status/#", "debug", "notification/#"]) socket.send(JSON.stringify({ subscribe: topic }));
    return comms;
  }

  async waitForStatus(
    nodeId: string,
    matches: (status: NodeStatus) => boolean,
    options?: EventuallyOptions,
  ): Promise<NodeStatus> {
    return await eventually(
      () => {
        const status = this.statuses.get(nodeId);
        if (!status) throw new Error("it has none yet");
        if (!matches(status)) throw new Error(`it is ${JSON.stringify(status)}`);
        return status;
      },
      { what: `status of ${nodeId} that the test waits for`, ...options },
    );
  }

  async waitForDebug(matches: (message: DebugMessage) => boolean, options?: EventuallyOptions): Promise<DebugMessage> {
    return await eventually(() => this.debug.find(matches), {
      what: "debug message that the test waits for",
      ...options,
    });
  }

  async close(): Promise<void> {
    if (this.#socket.readyState === WebSocket.CLOSED) return;
    await new Promise<void>((resolve) => {
      this.#socket.once("close", () => resolve());
      this.#socket.terminate();
    });
  }

  #take(packet: Packet | Packet[]): void {
    for (const { topic, data } of Array.isArray(packet) ? packet : [packet]) {
      this.received.packets++;
      if (topic === undefined) continue;
      if (topic.startsWith("status/")) {
        const id = topic.slice("status/".length);
        const status = (data ?? {}) as NodeStatus;
        this.statuses.set(id, status);
        this.statusLog.push({ id, status, at: Date.now() });
      } else if (topic === "debug") {
        this.debug.push(data as DebugMessage);
      } else if (topic.startsWith("notification/")) {
        this.notifications.push({ topic, data });
      }
    }
  }
}
