import { DeliveredOffsets } from "./delivered-offsets.js";
import type { PartitionOffset, TopicPartition } from "./group-membership.js";

/** How far a partition has been read by this member, since the last rebalance. */
export interface PartitionState extends TopicPartition {
  /** Of the next record to fetch. */
  position: number;
  /** Of the next record to hand out. */
  next: number;
  /** Of the last record that every copy in sync has, and one more. */
  highWatermark: number;
  /** Bytes fetched and not handed out. */
  buffered: number;
  /** Not asked for before, in milliseconds since 1970. */
  retryAt: number;
  readonly offsets: DeliveredOffsets;
}

export function readFrom({ topic, partition, offset }: PartitionOffset): PartitionState {
  const offsets = new DeliveredOffsets(offset);
  return { topic, partition, position: offset, next: offset, highWatermark: offset, buffered: 0, retryAt: 0, offsets };
}
