import { HeadraceError } from "../../engine/errors.js";
import type { Headers } from "../../engine/event.js";

/** Which partition an event asks for, or undefined. Throws FLUME_KAFKA_PARTITION_INVALID. */
export type PartitionRule = (headers: Headers, topic: string, partitions: number) => number | undefined;

/** The header beats the fixed partition; -1 and an empty name stand for none. */
export function partitionRule(fixed: number, header: string): PartitionRule | undefined {
  if (fixed < 0 && header === "") return undefined;
  return (headers, topic, partitions) => {
    const text = header === "" ? undefined : headers[header];
    if (text === undefined && fixed < 0) return undefined;
    const value = text ?? String(fixed);
    if (!/^\d{1,9}$/.test(value) || Number(value) >= partitions) {
      throw new HeadraceError("FLUME_KAFKA_PARTITION_INVALID", { value, topic });
    }
    return Number(value);
  };
}
