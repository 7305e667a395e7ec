import { HeadraceError } from "../../../engine/errors.js";
import type { ConsumerSettings } from "../port.js";
import { type Assignment, assign } from "./assignors.js";
import { groupByTopic } from "./group-by-topic.js";
import { type KafkaJsBroker, type KafkaJsCluster, kafkaJs } from "./library.js";
import { asKafkaJsError } from "./translate-error.js";

export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

export interface PartitionOffset extends TopicPartition {
  readonly offset: number;
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
  #generation = -1;
  #leads = false;

  /** `before`: the same member on connections that are gone; the group still knows it by its id. */
  constructor(cluster: KafkaJsCluster, settings: ConsumerSettings, before?: GroupMembership) {
    this.#cluster = cluster;
    this.#settings = settings;
    this.#memberId = before ? before.#memberId : "";
  }

  /** The leader of a group has to look whether topics got more partitions. */
  get leads(): boolean {
    return this.#leads;
  }

  /** Waits until all members have joined. @returns what this one is to read */
  async join(topics: readonly string[]): Promise<TopicPartition[]> {
    try {
      return await this.#join(topics);
    } catch (error) {
      if (asKafkaJsError(error).type === "UNKNOWN_MEMBER_ID") this.#memberId = "";
      throw error;
    }
  }

  async #join(topics: readonly string[]): Promise<TopicPartition[]> {
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
    this.#generation = generationId;
    this.#leads = leaderId === memberId;
    const groupAssignment: { memberId: string; memberAssignment: Buffer }[] = [];
    if (this.#leads) {
      const assignor = assignors.find((name) => name === groupProtocol);
      if (!assignor)
        throw new HeadraceError("FLUME_KAFKA_REFUSED", { what: groupId, reason: `assignor ${groupProtocol}` });
      const readers = members.map((member) => ({
        memberId: member.memberId,
        topics: MemberMetadata.decode(member.memberMetadata).topics,
      }));
      const assignment = assign(
        assignor,
        readers,
        await this.#partitionsOf(readers.flatMap((reader) => reader.topics)),
      );
      groupAssignment.push(...encoded(assignment));
    }
    const { memberAssignment } = await this.#ask((coordinator) =>
      coordinator.syncGroup({ groupId, generationId, memberId, groupAssignment }),
    );
    const assignment = MemberAssignment.decode(memberAssignment)?.assignment ?? {};
    return Object.entries(assignment).flatMap(([topic, partitions]) =>
      partitions.map((partition) => ({ topic, partition })),
    );
  }

  async heartbeat(): Promise<void> {
    await this.#ask((coordinator) =>
      coordinator.heartbeat({
        groupId: this.#settings.groupId,
        groupGenerationId: this.#generation,
        memberId: this.#memberId,
      }),
    );
  }

  async leave(): Promise<void> {
    if (this.#memberId === "") return;
    const { groupId } = this.#settings;
    await this.#ask((coordinator) => coordinator.leaveGroup({ groupId, memberId: this.#memberId }));
    this.#memberId = "";
  }

  async commit(offsets: readonly PartitionOffset[]): Promise<void> {
    await this.#ask((coordinator) =>
      coordinator.offsetCommit({
        groupId: this.#settings.groupId,
        groupGenerationId: this.#generation,
        memberId: this.#memberId,
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

  async #partitionsOf(topics: readonly string[]): Promise<Map<string, number>> {
    await this.#cluster.addMultipleTargetTopics([...new Set(topics)]);
    await this.#cluster.refreshMetadata();
    return new Map(topics.map((topic) => [topic, this.#cluster.findTopicPartitionMetadata(topic).length]));
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
