/**
 * The path of a WebHDFS request: each name percent-encoded on its own, since names may hold any of the characters that
 * mean something in a URL.
 */
export function urlPath(path: string): string {
  return `/webhdfs/v1${path.split("/").map(encodeURIComponent).join("/")}`;
}

export function parentOf(path: string): string {
  const end = path.lastIndexOf("/");
  return end <= 0 ? "/" : path.slice(0, end);
}

export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
