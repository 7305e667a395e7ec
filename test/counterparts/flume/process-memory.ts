import { readFileSync } from "node:fs";

/** Bytes of memory that a process holds, and the most it ever held. Undefined once it has ended, and where there is no /proc. */
export function processMemory(pid: number): { resident: number; peak: number } | undefined {
  let status: string;
  try {
    status = readFileSync(`/proc/${pid}/status`, "utf8");
  } catch {
    return undefined;
  }
  const resident = kilobytes(status, "VmRSS");
  const peak = kilobytes(status, "VmHWM");
  // A process that has ended but was not yet waited for has a status without these lines.
  return resident === undefined || peak === undefined ? undefined : { resident: resident * 1024, peak: peak * 1024 };
}

function kilobytes(status: string, field: string): number | undefined {
  const match = new RegExp(`^${field}:\\s+(\\d+) kB$`, "m").exec(status);
  return match?.[1] === undefined ? undefined : Number(match[1]);
}
