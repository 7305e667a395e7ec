import { isHeadraceError } from "../../../engine/errors.js";
import type { ConsumerGroupInfo, LogStore } from "../port.js";

/**
 * Makes sure that the group is there with these settings; others may do the same at the same time. Nobody says whether
 * names that differ in case only are one group: where it cannot be made because it is there, it is.
 * @returns whether it was there before
 */
export async function ensureGroup(store: LogStore, wanted: ConsumerGroupInfo, signal: AbortSignal): Promise<boolean> {
  const found = await findGroup(store, wanted.name, signal);
  if (found) {
    const same = found.timeout === wanted.timeout && found.inOrder === wanted.inOrder;
    if (!same) await store.updateConsumerGroup(wanted, signal);
    return true;
  }
  try {
    await store.createConsumerGroup(wanted, signal);
    return false;
  } catch (error) {
    if (!hasCode(error, "FLUME_LOGHUB_GROUP_EXISTS")) throw error;
    await store.updateConsumerGroup(wanted, signal);
    return true;
  }
}

async function findGroup(store: LogStore, name: string, signal: AbortSignal): Promise<ConsumerGroupInfo | undefined> {
  try {
    return (await store.consumerGroups(signal)).find((group) => group.name === name);
  } catch (error) {
    // Policies often allow to make a group and not to list them all.
    if (hasCode(error, "FLUME_LOGHUB_UNAUTHORIZED")) return undefined;
    throw error;
  }
}

function hasCode(error: unknown, code: string): boolean {
  return isHeadraceError(error) && error.code === code;
}
