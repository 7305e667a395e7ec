import { batchOf, type EventBatch } from "../../../lib/engine/batch.js";
import type { PortInlets, Router } from "../../../lib/engine/component.js";
import type { Route } from "../../../lib/engine/contracts.js";
import { routesTo } from "../../../lib/engine/delivery.js";
import type { FlumeEvent } from "../../../lib/engine/event.js";
import { notWired } from "./port-routes.js";

/** Each event to one channel: the next in turn, or any. Those with nothing wired to them are left out. */
export class LoadBalancingSelector implements Router {
  readonly #channels: readonly { readonly name: string }[];
  readonly #policy: "round_robin" | "random";
  readonly #random: () => number;
  #next = 0;

  /** `random` gives a number from 0 to below 1. */
  constructor(
    channels: readonly { readonly name: string }[],
    policy: "round_robin" | "random",
    random: () => number = Math.random,
  ) {
    this.#channels = channels;
    this.#policy = policy;
    this.#random = random;
  }

  /** @throws DeliveryError when no output is wired. */
  route(batch: EventBatch, ports: PortInlets): readonly Route[] {
    const wired = [...this.#channels.keys()].filter((port) => ports.at(port).length > 0);
    if (wired.length === 0) throw notWired(0, this.#channels[0]?.name ?? "");
    if (wired.length === 1) return routesTo(ports.at(wired[0] as number), batch);
    const shares: FlumeEvent[][] = wired.map(() => []);
    for (let i = 0; i < batch.length; i++) (shares[this.#pick(wired.length)] as FlumeEvent[]).push(batch.at(i));
    return wired.flatMap((port, i) => {
      const share = shares[i] as FlumeEvent[];
      return share.length > 0 ? routesTo(ports.at(port), batchOf(share)) : [];
    });
  }

  #pick(among: number): number {
    if (this.#policy === "random") return Math.floor(this.#random() * among);
    const picked = this.#next < among ? this.#next : 0;
    this.#next = picked + 1;
    return picked;
  }
}
