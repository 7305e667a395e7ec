import type { EventBatch } from "../../../lib/engine/batch.js";
import type { PortInlets } from "../../../lib/engine/component.js";
import type { Route } from "../../../lib/engine/contracts.js";
import type { Counters } from "../../../lib/engine/counters.js";
import { routesTo } from "../../../lib/engine/delivery.js";
import { DeliveryError } from "../../../lib/engine/errors.js";

/** To all that is wired to a port whose events must arrive. @throws DeliveryError (later) when nothing is. */
export function requiredRoutes(ports: PortInlets, port: number, name: string, batch: EventBatch): readonly Route[] {
  const inlets = ports.at(port);
  if (inlets.length === 0) throw notWired(port, name);
  return routesTo(inlets, batch);
}

/** To all that is wired to a port that gets what it can. */
export function optionalRoutes(
  ports: PortInlets,
  port: number,
  batch: EventBatch,
  counters: Counters,
): readonly Route[] {
  const inlets = ports.at(port);
  if (inlets.length === 0) counters.add("EventOptionalMissCount", batch.length);
  return inlets.map((inlet) => ({ inlet, batch, optional: true }));
}

/** Ports are counted from 1 where people read them. */
export function notWired(port: number, name: string): DeliveryError {
  const label = name === "" ? String(port + 1) : `${port + 1} (${name})`;
  return new DeliveryError("FLUME_PORT_NOT_WIRED", { parameters: { port: label } });
}
