#!/usr/bin/env node
import { channelCommand } from "./channel/channel-command.js";
import { EXIT } from "./exit-codes.js";

/** Commands of `headrace`. Each gets its arguments, and answers with an exit code. */
const commands: Readonly<Record<string, (args: readonly string[]) => Promise<number>>> = {
  channel: channelCommand,
};

async function main([name = "", ...args]: readonly string[]): Promise<number> {
  const command = commands[name];
  if (command) return command(args);
  console.error(`headrace ${Object.keys(commands).join(" | ")} …`);
  return name === "" || name === "--help" || name === "help" ? EXIT.well : EXIT.usage;
}

main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    console.error(error);
    process.exitCode = EXIT.failed;
  },
);
