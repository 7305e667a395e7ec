/** What a command of `headrace` tells whoever started it. Part of the public interface. */
export const EXIT = {
  well: 0,
  /** It ran, and found something wrong: damage, lost events. */
  found: 1,
  /** It was asked for something that it does not know. */
  usage: 2,
  /** The directory belongs to a process that runs. */
  inUse: 3,
  /** It could not run: no such directory, a missing key, a disk error. */
  failed: 4,
} as const;
