import type { Socket } from "node:net";
import { within } from "../../../lib/engine/backoff.js";
import type { ComponentContext } from "../../../lib/engine/component.js";
import type { Outlet, Source } from "../../../lib/engine/contracts.js";
import { type Listener, listen } from "../../../lib/protocols/parked-listener.js";
import { NetcatConnection } from "./netcat-connection.js";

export interface NetcatSettings {
  readonly bind: string;
  readonly port: number;
  /** In characters, newline included. */
  readonly maxLineLength: number;
  readonly ackEveryEvent: boolean;
  readonly encoding: string;
}

/** How long a stop waits for lines that were received to be accepted and answered, in milliseconds. */
const STOP_WAIT = 1000;
/** How long clients then have to read their last replies, in milliseconds. */
const LAST_WAIT = 300;

/** Lines over TCP, one event each, answered with OK or FAILED as Flume's netcat source does. */
export class NetcatSource implements Source {
  readonly #settings: NetcatSettings;
  readonly #connections = new Set<NetcatConnection>();
  #listener: Listener | undefined;
  #withdraw = new AbortController();

  constructor(settings: NetcatSettings, { counters }: ComponentContext) {
    this.#settings = settings;
    counters.gauge("OpenConnectionCount", () => this.#connections.size);
  }

  async start(out: Outlet): Promise<void> {
    const { bind, port } = this.#settings;
    this.#withdraw = new AbortController();
    this.#listener = await listen(bind, port, (socket) => this.#serve(socket, out));
  }

  async stop(): Promise<void> {
    this.#listener?.park();
    this.#listener = undefined;
    const ended = Promise.all([...this.#connections].map((connection) => connection.finish()));
    if (await within(STOP_WAIT, ended)) return;
    // What still waits for room was not acknowledged: its sender has it.
    this.#withdraw.abort();
    if (await within(LAST_WAIT, ended)) return;
    // A client that does not read its replies, or a delivery that does not settle, must not hold a deploy up.
    for (const connection of this.#connections) connection.drop();
  }

  #serve(socket: Socket, out: Outlet): void {
    const connection = new NetcatConnection(socket, this.#settings, out, this.#withdraw.signal);
    this.#connections.add(connection);
    void connection.ended.then(() => this.#connections.delete(connection));
  }
}
