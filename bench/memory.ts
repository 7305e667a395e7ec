import type { Bench } from "./bench";
import { runRounds } from "./measure/rounds";
import { flumeNetcat, ourNetcat } from "./netcat";
import { comparison, FLUME, memoryBar, named, OURS } from "./report/comparison";
import { flumeStress, ourStress } from "./stress";

const NETCAT_LINES = 10_000_000;

export const memory: Bench = {
  about: "the most memory that the whole process ever holds, under netcat and stress at full speed",
  async run(options) {
    const lines = Math.round(NETCAT_LINES * options.scale);
    const loads = [
      { name: "netcat, 100 bytes", sides: [ourNetcat(options, lines), flumeNetcat(lines)] },
      { name: "stress, 100 bytes", sides: [ourStress(options, 100), flumeStress(options, 100)] },
      { name: "stress, 500 bytes", sides: [ourStress(options, 500), flumeStress(options, 500)] },
    ];
    const tables = [];
    const bars = [];
    for (const { name, sides } of loads) {
      const wanted = sides.filter((side) => options.flume || side.name !== FLUME);
      const summaries = await runRounds(wanted, options);
      tables.push(comparison(`peak memory: ${name} → memory → null`, summaries));
      bars.push(memoryBar(`${name}: peak memory`, named(summaries, OURS), named(summaries, FLUME)));
    }
    return { tables, bars };
  },
};
