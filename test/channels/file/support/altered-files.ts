import type { FileSystem, StoredFile } from "../../../../nodes/channels/file/file-system.js";

/** A disk that is another one but for what `change` puts in place of some calls of its files. */
export function withFiles(disk: FileSystem, change: (file: StoredFile) => Partial<StoredFile>): FileSystem {
  return {
    open: async (path, how) => {
      const file = await disk.open(path, how);
      // Files are objects of classes: what is not changed is passed on.
      return {
        write: (data, position) => file.write(data, position),
        read: (into, position) => file.read(into, position),
        sync: () => file.sync(),
        truncate: (length) => file.truncate(length),
        size: () => file.size(),
        close: () => file.close(),
        ...change(file),
      };
    },
    rename: (from, to) => disk.rename(from, to),
    remove: (path) => disk.remove(path),
    list: (directory) => disk.list(directory),
    makeDirectory: (directory) => disk.makeDirectory(directory),
    syncDirectory: (directory) => disk.syncDirectory(directory),
    freeBytes: (directory) => disk.freeBytes(directory),
    mountsAbove: (directory) => disk.mountsAbove(directory),
  };
}
