import type { Measured } from "./pipeline";
import { startScript } from "./script";

/** "Split TCP into held events" by a plain script: what netcat is compared with. */
export async function measureCeiling(lines: number, bodyBytes: number): Promise<Measured> {
  const consumer = startScript("held-events", lines);
  try {
    const { port } = (await consumer.next()) as { port: number };
    const producer = startScript("line-producer", port, lines, bodyBytes);
    try {
      const measured = (await consumer.next()) as { eventsPerSecond: number; peakRss: number };
      await producer.ended;
      return measured;
    } finally {
      await producer.stop();
    }
  } finally {
    await consumer.stop();
  }
}
