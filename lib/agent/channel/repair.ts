import { EXIT } from "../exit-codes.js";
import { damageLine, losesEvents } from "./damage-report.js";
import { openLog } from "./open-log.js";
import { owned, type Storage } from "./storage.js";

/** What a start would do, with a look at everything. */
export async function repairChannel(storage: Storage): Promise<number> {
  return owned(storage, async () => {
    const { log, damage, events } = await openLog(storage, true);
    await log.close(true);
    for (const part of damage) console.log(damageLine(part));
    console.log(
      `${events} events waiting; ${damage.length === 0 ? "nothing to repair" : `${damage.length} parts set aside`}`,
    );
    return damage.some(losesEvents) ? EXIT.found : EXIT.well;
  });
}
