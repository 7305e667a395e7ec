import { HeadraceError } from "../../../engine/errors.js";
import type { ConsumerSettings } from "../port.js";
import { propertyValue } from "../cluster-settings.js";
import { type Assignment, assign } from "./assignors.js";
import { groupByTopic } from "./group-by-topic.js";
import { type KafkaJsBroker, type KafkaJsCluster, kafkaJs } from "./library.js";
import { lookForTopics } from "./look-for-topics.js";
import { knownPartitions } from "./open-cluster.js";
import { asKafkaJsError } from "./translate-error.js";

export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

export interface PartitionOffset extends TopicPartition {
  readonly offset: number;
}

/** What a member is in its group from one rebalance to the next; the group refuses what comes from an earlier one. */
export interface Generation {
  readonly id: number;
  readonly memberId: string;
  readonly partitions: readonly TopicPartition[];
  /** For whose partitions this member decides who reads them; none unless it leads the group. */
  readonly led: readonly string[];
}

/** Answers after which the coordinator is looked for anew. */
const MOVED = new Set([
  "NOT_COORDINATOR_FOR_GROUP",
  "GROUP_COORDINATOR_NOT_AVAILABLE",
  "GROUP_LOAD_IN_PROGRESS",
  "COORDINATOR_LOAD_IN_PROGRESS",
  "COORDINATOR_NOT_AVAILABLE",
  "NOT_COORDINATOR",
]);

/** The group goes on without this generation of it. */
const OVER = new Set(["REBALANCE_IN_PROGRESS", "ILLEGAL_GENERATION", "UNKNOWN_MEMBER_ID"]);

export function generationIsOver(error: unknown): boolean {
  return OVER.has(asKafkaJsError(error).type ?? "");
}

/** This member in its group: joins, learns its partitions, says that it lives, and commits offsets. */
export class GroupMembership {
  readonly #cluster: KafkaJsCluster;
  readonly #settings: ConsumerSettings;
  #coordinator: KafkaJsBroker | undefined;
  #memberId = "";

  /** `before`: the same member on connections that are gone; the group still knows it by its id. */
  constructor(cluster: KafkaJsCluster, settings: ConsumerSettings, before?: GroupMembership) {
    this.#cluster = cluster;
    this.#settings = settings;
    this.#memberId = before ? before.#memberId : "";
  }

  /** Waits until all members have joined. Throws FLUME_KAFKA_GROUP_MIXED, FLUME_KAFKA_PROPERTY_VALUE. */
  async join(topics: readonly string[]): Promise<Generation> {
    const { groupId, sessionTimeout } = this.#settings;
    try {
      return await this.#join(topics);
    } catch (error) {
      const { type, message } = asKafkaJsError(error);
      if (type === "UNKNOWN_MEMBER_ID") this.#memberId = "";
      if (type === "INCONSISTENT_GROUP_PROTOCOL") {
        throw new HeadraceError("FLUME_KAFKA_GROUP_MIXED", { group: groupId, reason: message }, error);
      }
      if (type === "INVALID_SESSION_TIMEOUT") {
        const wanted = "within group.min.session.timeout.ms and group.max.session.timeout.ms of the brokers";
        throw propertyValue("kafka.consumer.session.timeout.ms", String(sessionTimeout), wanted);
      }
      throw error;
    }
  }

  async #join(topics: readonly string[]): Promise<Generation> {
    const { MemberMetadata, MemberAssignment } = kafkaJs();
    const { groupId, assignors, sessionTimeout, rebalanceTimeout } = this.#settings;
    const metadata = MemberMetadata.encode({ version: 0, topics, userData: Buffer.alloc(0) });
    const joined = await this.#ask((coordinator) =>
      coordinator.joinGroup({
        groupId,
        sessionTimeout,
        rebalanceTimeout,
        memberId: this.#memberId,
        groupProtocols: assignors.map((name) => ({ name, metadata })),
      }),
    );
    const { generationId, memberId, leaderId, members, groupProtocol } = joined;
    this.#memberId = memberId;
    const groupAssignment: { memberId: string; memberAssignment: Buffer }[] = [];
    const led = new Set<string>();
    if (leaderId === memberId) {
      const assignor = assignors.find((name) => name === groupProtocol);
      if (!assignor)
        throw new HeadraceError("FLUME_KAFKA_REFUSED", { what: groupId, reason: `assignor ${groupProtocol}` });
      const readers = members.map((member) => ({
        memberId: member.memberId,
        topics: MemberMetadata.decode(member.memberMetadata).topics,
      }));
      for (const reader of readers) for (const topic of reader.topics) led.add(topic);
      groupAssignment.push(...encoded(assign(assignor, readers, await this.#partitionsOf([...led]))));
    }
    const { memberAssignment } = await this.#ask((coordinator) =>
      coordinator.syncGroup({ groupId, generationId, memberId, groupAssignment }),
    );
    const assignment = MemberAssignment.decode(memberAssignment)?.assignment ?? {};
    const partitions = Object.entries(assignment).flatMap(([topic, numbers]) =>
      numbers.map((partition) => ({ topic, partition })),
    );
    return { id: generationId, memberId, partitions, led: [...led] };
  }

  async heartbeat({ id, memberId }: Generation): Promise<void> {
    const { groupId } = this.#settings;
    await this.#ask((coordinator) => coordinator.heartbeat({ groupId, groupGenerationId: id, memberId }));
  }

  async leave(): Promise<void> {
    if (this.#memberId === "") return;
    const { groupId } = this.#settings;
    await this.#ask((coordinator) => coordinator.leaveGroup({ groupId, memberId: this.#memberId }));
    this.#memberId = "";
  }

  /** As a member of that generation: whatever it has waited for, a commit never counts for a later one. */
  async commit({ id, memberId }: Generation, offsets: readonly PartitionOffset[]): Promise<void> {
    await this.#ask((coordinator) =>
      coordinator.offsetCommit({
        groupId: this.#settings.groupId,
        groupGenerationId: id,
        memberId,
        topics: byTopic(offsets, ({ partition, offset }) => ({ partition, offset: String(offset) })),
      }),
    );
  }

  /** Committed offsets of these partitions, where there are any. */
  async committed(partitions: readonly TopicPartition[]): Promise<PartitionOffset[]> {
    if (partitions.length === 0) return [];
    const { responses } = await this.#ask((coordinator) =>
      coordinator.offsetFetch({
        groupId: this.#settings.groupId,
        topics: byTopic(partitions, ({ partition }) => ({ partition })),
      }),
    );
    return responses.flatMap(({ topic, partitions: found }) =>
      found
        .map(({ partition, offset }) => ({ topic, partition, offset: Number(offset) }))
        .filter(({ offset }) => offset >= 0),
    );
  }

  /** Of a topic that one member asks for and nobody has, there are none: the others must not wait for it. */
  async #partitionsOf(topics: readonly string[]): Promise<Map<string, number>> {
    const { found } = await lookForTopics(this.#cluster, topics);
    await this.#cluster.refreshMetadata();
    return new Map(found.map((topic) => [topic, knownPartitions(this.#cluster, topic).length]));
  }

  async #ask<T>(question: (coordinator: KafkaJsBroker) => Promise<T>): Promise<T> {
    const { groupId } = this.#settings;
    this.#coordinator ??= await this.#cluster.findGroupCoordinator({ groupId });
    try {
      return await question(this.#coordinator);
    } catch (error) {
      const { type, name } = asKafkaJsError(error);
      if ((type && MOVED.has(type)) || /Connection|Timeout/.test(name)) this.#coordinator = undefined;
      throw error;
    }
  }
}

function byTopic<T extends TopicPartition, P>(
  items: readonly T[],
  form: (item: T) => P,
): { topic: string; partitions: P[] }[] {
  return [...groupByTopic(items)].map(([topic, some]) => ({ topic, partitions: some.map(form) }));
}

function encoded(assignment: Assignment): { memberId: string; memberAssignment: Buffer }[] {
  const { MemberAssignment } = kafkaJs();
  return [...assignment].map(([memberId, partitions]) => ({
    memberId,
    memberAssignment: MemberAssignment.encode({ version: 0, assignment: partitions, userData: Buffer.alloc(0) }),
  }));
}
