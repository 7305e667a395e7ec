import { nextLoopTurn, turnIsOver } from "../../engine/turn.js";
import { LogFields, readPair, STRIDE } from "./log-fields.js";
import { GROUP_LOG, GROUP_TAG, LIST_GROUP, WireReader } from "./wire.js";

/** Bytes between two looks at the clock. */
const SLICE = 256 * 1024;

/**
 * Goes through a LogGroupList to its last field, so that damage shows before anything of it has been used. Gives way to
 * others while it does. @returns how many groups there are. Rejects with FLUME_LOGHUB_LOGS_BROKEN.
 */
export async function checkLogGroups(bytes: Buffer): Promise<number> {
  const list = new WireReader(bytes, 0, bytes.length);
  const log = new LogFields();
  let groups = 0;
  let looked = 0;
  while (!list.done) {
    const tag = list.varint();
    if (tag !== LIST_GROUP) {
      list.skip(tag);
      continue;
    }
    const from = list.span();
    checkLogGroup(bytes, from, list.at, log);
    groups++;
    if (list.at - looked > SLICE) {
      looked = list.at;
      if (turnIsOver()) await nextLoopTurn();
    }
  }
  return groups;
}

function checkLogGroup(bytes: Buffer, from: number, to: number, log: LogFields): void {
  const reader = new WireReader(bytes, from, to);
  const place = new Int32Array(STRIDE);
  while (!reader.done) {
    const tag = reader.varint();
    if (tag === GROUP_LOG) {
      const start = reader.span();
      log.read(bytes, start, reader.at);
    } else if (tag === GROUP_TAG) {
      const start = reader.span();
      readPair(bytes, start, reader.at, place, 0);
    } else reader.skip(tag);
  }
}
