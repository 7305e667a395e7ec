import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { HeadraceError } from "../../../lib/engine/errors.js";
import type { FileSystem } from "./file-system.js";
import { isSpareName, segmentId } from "./segment.js";

/**
 * In each directory of a channel, so that a part of a log is not taken for the whole: a disk that is not mounted, or a
 * directory that somebody has taken out of the settings, would otherwise cost its events.
 */
export const SET_NAME = "directories.json";
const TEMPORARY_NAME = `${SET_NAME}.tmp`;

/** A data directory as the others remember it. */
interface Listed {
  /** Goes with the files when they are moved. */
  readonly id: string;
  readonly path: string;
  readonly mounts: number;
}

interface SetFile {
  /** Of the data directory that it lies in; in a checkpoint directory there is none. */
  readonly id?: string;
  readonly data: readonly Listed[];
}

interface Member {
  readonly path: string;
  readonly set: SetFile | undefined;
  /** Not even a spare file is there. */
  readonly empty: boolean;
}

export interface DirectorySet {
  /** Not among the settings any more, and not empty yet. */
  readonly leaving: readonly string[];
  /** Writes the set down where it is not written yet. */
  store(): Promise<void>;
}

/**
 * What belongs together with `data`, the data directories of a channel.
 * @throws HeadraceError FLUME_FILE_CHANNEL_NOT_MOUNTED when one of them is empty and was on a disk of its own
 */
export async function directorySet(
  fileSystem: FileSystem,
  data: readonly string[],
  checkpoint: string,
): Promise<DirectorySet> {
  const members = await Promise.all(data.map((path) => readMember(fileSystem, path)));
  const leaving: Member[] = [];
  for (const listed of await absentFrom(fileSystem, members, checkpoint)) {
    const there = await readMember(fileSystem, listed.path);
    if (data.includes(listed.path)) {
      if ((await fileSystem.mountsAbove(listed.path)) >= listed.mounts) continue;
      throw new HeadraceError("FLUME_FILE_CHANNEL_NOT_MOUNTED", { directory: listed.path });
    }
    if (there.set?.id === listed.id && !there.empty) leaving.push(there);
  }
  return {
    leaving: leaving.map(({ path }) => path),
    store: () => storeSet(fileSystem, [...members, ...leaving], checkpoint),
  };
}

/** Paths of data directories that belong to the same channel as `data`. */
export async function missingFrom(
  fileSystem: FileSystem,
  data: readonly string[],
  checkpoint: string,
): Promise<string[]> {
  const members = await Promise.all(data.map((path) => readMember(fileSystem, path)));
  return (await absentFrom(fileSystem, members, checkpoint)).map(({ path }) => path);
}

async function absentFrom(fileSystem: FileSystem, members: readonly Member[], checkpoint: string): Promise<Listed[]> {
  const sets = [...members.map(({ set }) => set), await readSet(fileSystem, checkpoint)];
  const listed = new Map(sets.flatMap((set) => (set?.data ?? []).map((one) => [one.id, one])));
  // One whose own file is damaged is known by its place.
  const isThere = ({ id, path }: Listed) =>
    members.some((member) => member.set?.id === id || (member.path === path && !member.empty));
  return [...listed.values()].filter((one) => !isThere(one));
}

async function readMember(fileSystem: FileSystem, path: string): Promise<Member> {
  const names = await fileSystem.list(path);
  const empty = !names.some((name) => segmentId(name) !== undefined || isSpareName(name));
  return { path, set: await readSet(fileSystem, path), empty };
}

async function readSet(fileSystem: FileSystem, directory: string): Promise<SetFile | undefined> {
  try {
    const file = await fileSystem.open(join(directory, SET_NAME), "read");
    try {
      const bytes = Buffer.alloc(await file.size());
      const set = JSON.parse(bytes.toString("utf8", 0, await file.read(bytes, 0))) as SetFile;
      return Array.isArray(set.data) ? set : undefined;
    } finally {
      await file.close();
    }
  } catch {
    return undefined;
  }
}

async function storeSet(fileSystem: FileSystem, members: readonly Member[], checkpoint: string): Promise<void> {
  const data = await Promise.all(
    members.map(async ({ path, set }) => ({
      id: set?.id ?? randomUUID(),
      path,
      mounts: await fileSystem.mountsAbove(path),
    })),
  );
  const known = await readSet(fileSystem, checkpoint);
  const places = [
    ...data.map(({ id, path }, i) => ({ path, has: members[i]?.set, wants: { id, data } })),
    { path: checkpoint, has: known, wants: { data } },
  ];
  for (const { path, has, wants } of places) {
    if (JSON.stringify(has) === JSON.stringify(wants)) continue;
    // On a disk that is full this can wait: what is held must get out.
    await write(fileSystem, path, Buffer.from(JSON.stringify(wants))).catch(() => undefined);
  }
}

async function write(fileSystem: FileSystem, directory: string, bytes: Buffer): Promise<void> {
  const temporary = join(directory, TEMPORARY_NAME);
  const file = await fileSystem.open(temporary, "create");
  try {
    await file.write(bytes, 0);
    await file.sync();
  } finally {
    await file.close();
  }
  await fileSystem.rename(temporary, join(directory, SET_NAME));
  await fileSystem.syncDirectory(directory);
}
