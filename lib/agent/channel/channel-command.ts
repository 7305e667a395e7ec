import { parseArgs } from "node:util";
import { errorText, HeadraceError, isHeadraceError, reasonOf } from "../../engine/errors.js";
import { EXIT } from "../exit-codes.js";
import { drainChannel } from "./drain.js";
import { exportChannel } from "./export.js";
import { inspectChannel } from "./inspect.js";
import { repairChannel } from "./repair.js";
import { findStorage, type Storage } from "./storage.js";
import { verifyChannel } from "./verify.js";

export interface ChannelOptions {
  readonly json: boolean;
  readonly format: "json" | "avro";
  /** A file; undefined: standard output. */
  readonly output: string | undefined;
}

const subcommands: Readonly<
  Record<string, { about: string; changes: boolean; run(storage: Storage, options: ChannelOptions): Promise<number> }>
> = {
  inspect: { about: "what is in it: files, events, keys", changes: false, run: inspectChannel },
  verify: {
    about: "reads everything and changes nothing; 1 when something is damaged",
    changes: false,
    run: verifyChannel,
  },
  repair: {
    about: "sets damaged bytes aside, as a start would; 1 when events were lost",
    changes: true,
    run: repairChannel,
  },
  export: { about: "writes its events out and leaves them in it", changes: false, run: exportChannel },
  drain: { about: "writes its events out and takes them", changes: true, run: drainChannel },
};

/** `headrace channel …`: on the directory of a stopped channel. */
export async function channelCommand(args: readonly string[]): Promise<number> {
  let parsed: ReturnType<typeof parse>;
  try {
    parsed = parse(args);
  } catch (error) {
    return wrongUse(reasonOf(error));
  }
  const { values, positionals } = parsed;
  const [name, ...directories] = positionals;
  if (values.help || name === "help") return help(EXIT.well);
  if (name === undefined) return help(EXIT.usage);
  const subcommand = Object.hasOwn(subcommands, name) ? subcommands[name] : undefined;
  if (!subcommand) return wrongUse(`There is no command "${name}".`);
  if (directories.length === 0) return wrongUse(`Name the directory of a channel: headrace channel ${name} DIRECTORY`);
  const { format } = values;
  if (format !== "json" && format !== "avro") return wrongUse(`FORMAT is json or avro, not "${format}".`);
  try {
    const storage = await findStorage(directories, values.checkpoint, values.keys);
    const incomplete =
      storage.missing.length > 0 &&
      new HeadraceError("FLUME_FILE_CHANNEL_INCOMPLETE", { missing: storage.missing.join(", ") });
    // What would be done to a part is done to the whole: events of the other part would count as gone.
    if (incomplete && subcommand.changes) throw incomplete;
    const code = await subcommand.run(storage, { json: values.json, format, output: values.output });
    if (!incomplete) return code;
    tell(incomplete);
    return code || EXIT.found;
  } catch (error) {
    if (!isHeadraceError(error)) throw error;
    tell(error);
    return error.code === "FLUME_FILE_CHANNEL_IN_USE" ? EXIT.inUse : EXIT.failed;
  }
}

function tell(error: HeadraceError): void {
  const { message, next } = errorText(error);
  console.error(`${message}\n${next} [${error.code}]`);
}

function parse(args: readonly string[]) {
  return parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      json: { type: "boolean", default: false },
      format: { type: "string", default: "json" },
      output: { type: "string" },
      checkpoint: { type: "string" },
      keys: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
}

function wrongUse(reason: string): number {
  console.error(`${reason}\n`);
  return help(EXIT.usage);
}

function help(code: number): number {
  const tell = code === EXIT.well ? console.log : console.error;
  tell("headrace channel COMMAND DIRECTORY…   on the directories of a stopped file channel\n");
  for (const [name, { about }] of Object.entries(subcommands)) tell(`  ${name.padEnd(10)}${about}`);
  tell(`
DIRECTORY is the channel's folder (with data/ in it), or all of its data directories.
  --checkpoint DIR   the checkpoint directory, if it is elsewhere
  --keys FILE        keys of an encrypted channel, lines of name=key; only its owner may read it.
                     inspect and verify need none
  --json             inspect and verify answer in JSON
  --format FORMAT    export and drain write json (a line for each event, default) or avro (a container file)
  --output FILE      where export and drain write; standard output otherwise

Ends with 0 well, 1 something is damaged or lost, 2 wrong use, 3 the channel runs, 4 could not.`);
  return code;
}
