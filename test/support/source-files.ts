import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { root } from "./machine.js";

/** Every file of the repository, tracked or about to be, by its path from the root; ignored ones are left out. */
export function repositoryFiles(): string[] {
  const output = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard", "-z"], {
    cwd: root,
    encoding: "utf8",
  });
  // A file that was deleted and not yet committed is still listed.
  return output.split("\0").filter((path) => path !== "" && existsSync(join(root, path)));
}
