import type { AssignorName } from "../port.js";

export interface Member {
  readonly memberId: string;
  readonly topics: readonly string[];
}

/** Partitions by topic, for each member. */
export type Assignment = Map<string, Record<string, number[]>>;

/**
 * Who of a group reads what, exactly as Java's `RangeAssignor` and `RoundRobinAssignor` decide it, so that agents of
 * Flume and these nodes can be in one group, whoever of them leads it.
 */
export function assign(
  name: AssignorName,
  members: readonly Member[],
  partitions: ReadonlyMap<string, number>,
): Assignment {
  const sorted = members.toSorted((a, b) => compare(a.memberId, b.memberId));
  const assignment: Assignment = new Map(sorted.map(({ memberId }) => [memberId, {}]));
  const topics = [...new Set(sorted.flatMap((member) => member.topics))].toSorted(compare);
  const give = (memberId: string, topic: string, partition: number) => {
    const own = assignment.get(memberId) as Record<string, number[]>;
    (own[topic] ??= []).push(partition);
  };
  if (name === "range") range(sorted, topics, partitions, give);
  else roundRobin(sorted, topics, partitions, give);
  return assignment;
}

type Give = (memberId: string, topic: string, partition: number) => void;

/** Each topic by itself: neighbouring partitions to one member, the first members one more where it does not divide. */
function range(
  members: readonly Member[],
  topics: readonly string[],
  partitions: ReadonlyMap<string, number>,
  give: Give,
) {
  for (const topic of topics) {
    const readers = members.filter((member) => member.topics.includes(topic));
    const count = partitions.get(topic) ?? 0;
    const each = Math.floor(count / readers.length);
    const extra = count % readers.length;
    let next = 0;
    for (const [i, { memberId }] of readers.entries()) {
      for (const end = next + each + (i < extra ? 1 : 0); next < end; next++) give(memberId, topic, next);
    }
  }
}

/** All partitions of all topics in turn, each to the next member that reads the topic. */
function roundRobin(
  members: readonly Member[],
  topics: readonly string[],
  partitions: ReadonlyMap<string, number>,
  give: Give,
) {
  let turn = 0;
  for (const topic of topics) {
    for (let partition = 0; partition < (partitions.get(topic) ?? 0); partition++) {
      while (!members[turn % members.length]?.topics.includes(topic)) turn++;
      give((members[turn % members.length] as Member).memberId, topic, partition);
      turn++;
    }
  }
}

/** As Java compares strings: by UTF-16 unit. */
function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
