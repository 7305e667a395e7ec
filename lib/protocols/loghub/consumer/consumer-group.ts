import { isHeadraceError } from "../../../engine/errors.js";
import type { ConsumerGroupInfo, LogStore } from "../port.js";

/**
 * Makes sure that the group is there with these settings; others may do the same at the same time.
 * @returns whether it was there before
 */
export async function ensureGroup(store: LogStore, wanted: ConsumerGroupInfo, signal: AbortSignal): Promise<boolean> {
  const found = await findGroup(store, wanted.name, signal);
  if (found) {
    // As it is stored: names differ in case only.
    const same = found.timeout === wanted.timeout && found.inOrder === wanted.inOrder;
    if (!same) await store.updateConsumerGroup({ ...wanted, name: found.name }, signal);
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
    const groups = await store.consumerGroups(signal);
    return (
      groups.find((group) => group.name === name) ??
      groups.find((group) => group.name.toLowerCase() === name.toLowerCase())
    );
  } catch (error) {
    // Policies often allow to make a group and not to list them all.
    if (hasCode(error, "FLUME_LOGHUB_UNAUTHORIZED")) return undefined;
    throw error;
  }
}

function hasCode(error: unknown, code: string): boolean {
  return isHeadraceError(error) && error.code === code;
}
