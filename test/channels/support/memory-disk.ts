import { execFileSync } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { onLeftover } from "../../support/cleanup.js";
import { skip } from "../../support/skip.js";

/** A small disk of its own, in memory. */
export interface MemoryDisk {
  /** "ro", "rw", "size=40m". The kernel refuses "ro" while a file on it is open to be written. */
  remount(options: string): void;
  unmount(): void;
}

/** Mounts one at `folder`, which is made; skips the test where this user may not. `options`: as "size=24m,ro". */
export async function mountMemory(test: Mocha.Context, folder: string, options: string): Promise<MemoryDisk> {
  await mkdir(folder, { recursive: true });
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", options, "tmpfs", folder], { stdio: "ignore" });
  } catch {
    skip(test, "mounting a tmpfs needs root");
  }
  const unmount = () => {
    execFileSync("umount", [folder]);
    forget();
  };
  const forget = onLeftover(`disk at ${folder}`, async () => unmount());
  return { remount: (how) => execFileSync("mount", ["-o", `remount,${how}`, folder]), unmount };
}
