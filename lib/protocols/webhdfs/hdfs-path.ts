/**
 * The path of a WebHDFS request: each name percent-encoded on its own, since names may hold any of the characters that
 * mean something in a URL.
 */
export function urlPath(path: string): string {
  return `/webhdfs/v1${path.split("/").map(encodeURIComponent).join("/")}`;
}
