import { HeadraceError } from "../engine/errors.js";

/** Characters that no name in HDFS may hold (DFSUtil.isValidName refuses the colon), or that nobody wants in one. */
// oxlint-disable-next-line no-control-regex
const NOT_IN_A_NAME = /[:\\\u0000-\u001f\u007f]/;

/** What Hadoop calls file systems that WebHDFS leads to. */
const SCHEME_OF_HDFS = /^(hdfs|webhdfs|swebhdfs|viewfs)$/i;

/**
 * `hdfs://name-node:8020/logs/x` and `/logs/x` alike as `/logs/x`: which cluster it is, the hdfs-cluster node says.
 * @throws HeadraceError FLUME_HDFS_PATH_ELSEWHERE for a path of another file system, such as `file:///x`
 */
export function withoutAuthority(path: string): string {
  const [whole, scheme] = /^([a-z][a-z0-9+.-]*):(?:\/\/[^/]*)?(?=\/)/i.exec(path.trim()) ?? [];
  if (whole === undefined || scheme === undefined) return path.trim();
  if (!SCHEME_OF_HDFS.test(scheme)) throw new HeadraceError("FLUME_HDFS_PATH_ELSEWHERE", { path, scheme });
  return path.trim().slice(whole.length);
}

/**
 * A folder as HDFS knows it, from a path with its escapes filled in: without empty parts. Since it begins with what was
 * configured, it cannot lie elsewhere once no part of it leads upwards.
 * @throws HeadraceError FLUME_HDFS_PATH_UNUSABLE
 */
export function confinedDirectory(path: string): string {
  const names = path.split("/").filter((name) => name !== "");
  for (const name of names) {
    if (name === "." || name === ".." || NOT_IN_A_NAME.test(name)) throw unusable(path);
  }
  return `/${names.join("/")}`;
}

/**
 * A part of a file's name with its escapes filled in.
 * @throws HeadraceError FLUME_HDFS_PATH_UNUSABLE when it would lead into another folder
 */
export function confinedName(name: string): string {
  if (name.includes("/") || NOT_IN_A_NAME.test(name)) throw unusable(name);
  return name;
}

function unusable(path: string): HeadraceError {
  return new HeadraceError("FLUME_HDFS_PATH_UNUSABLE", {
    // oxlint-disable-next-line no-control-regex
    path: path.slice(0, 200).replace(/[\u0000-\u001f\u007f]/g, "?"),
  });
}
