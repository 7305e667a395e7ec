import type { ComponentContext } from "../../engine/component.js";
import type { NodeSettings } from "./node-settings.js";

/** What a component is given of its surroundings. The name is looked up each time: renaming a node does not restart it. */
export function contextOf({ id, face, shared, storage }: NodeSettings): ComponentContext {
  return {
    id,
    get name() {
      return face.name;
    },
    shared,
    storage,
    log: face.log,
    counters: face.counters,
    report: (error) => face.report(error),
  };
}
