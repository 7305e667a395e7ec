import { join } from "node:path";
import type { FileSystem } from "./file-system.js";
import { type Segment, segmentName } from "./segment.js";
import type { DamagedPart } from "./segment-scan.js";

/** Beside the segments: what could not be read stays here until a person has looked at it. */
export const SET_ASIDE_DIRECTORY = "set-aside";
const COPY_BYTES = 1024 * 1024;

/** Copies a damaged part out of a segment; undefined when that fails. */
export async function setAside(
  fileSystem: FileSystem,
  segment: Segment,
  part: DamagedPart,
): Promise<string | undefined> {
  const directory = join(segment.directory, SET_ASIDE_DIRECTORY);
  const path = join(directory, `${segmentName(segment.id)}-${part.offset}.bin`);
  try {
    await fileSystem.makeDirectory(directory);
    const from = await fileSystem.open(segment.path, "read");
    try {
      const to = await fileSystem.open(path, "create");
      try {
        for (let done = 0; done < part.length; ) {
          const bytes = Buffer.allocUnsafeSlow(Math.min(COPY_BYTES, part.length - done));
          const read = await from.read(bytes, part.offset + done);
          if (read === 0) break;
          await to.write(bytes.subarray(0, read), done);
          done += read;
        }
        await to.sync();
      } finally {
        await to.close();
      }
    } finally {
      await from.close();
    }
    await fileSystem.syncDirectory(directory);
    return path;
  } catch {
    return undefined;
  }
}

/** Moves a whole file that is no segment any more. */
export async function setAsideFile(
  fileSystem: FileSystem,
  directory: string,
  name: string,
): Promise<string | undefined> {
  try {
    await fileSystem.makeDirectory(join(directory, SET_ASIDE_DIRECTORY));
    const path = join(directory, SET_ASIDE_DIRECTORY, name);
    await fileSystem.rename(join(directory, name), path);
    await fileSystem.syncDirectory(directory);
    return path;
  } catch {
    return undefined;
  }
}
