import { EXIT } from "../exit-codes.js";
import { counted, damageLine, losesEvents } from "./damage-report.js";
import { openLog } from "./open-log.js";
import { owned, type Storage } from "./storage.js";

/** What a start would do, with a look at everything. */
export async function repairChannel(storage: Storage): Promise<number> {
  return owned(storage, "change", async (fileSystem) => {
    const { log, damage, events } = await openLog(storage, fileSystem, true);
    await log.close(true);
    for (const part of damage) console.log(damageLine(part));
    console.log(
      `${counted(events, "event")} waiting; ${damage.length === 0 ? "nothing to repair" : `${counted(damage.length, "part")} set aside`}`,
    );
    return damage.some(losesEvents) ? EXIT.found : EXIT.well;
  });
}
