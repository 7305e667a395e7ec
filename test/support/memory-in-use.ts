import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/**
 * Bytes that this process really holds, on the heap and outside, garbage collected first. Resident memory would tell
 * of whatever tests ran before in the same process.
 */
export async function memoryInUse(): Promise<number> {
  // What one collection frees may hold on to more until finalizers have run.
  for (let i = 0; i < 3; i++) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
