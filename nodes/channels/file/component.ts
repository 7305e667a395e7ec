import { join, resolve } from "node:path";
import type { ChannelComponent } from "../../../lib/engine/component.js";
import { boolean, choice, type ConfigOf, number, secret, text } from "../../../lib/engine/properties.js";
import { loadKeys } from "./encryption-keys.js";
import { FileChannel, type FileChannelSettings } from "./file-channel.js";

const places = {
  checkpointDir: text("", { flumeKey: "checkpointDir", format: "directory" }),
  dataDirs: text("", { flumeKey: "dataDirs" }),
};

const storage = {
  minimumRequiredSpace: number(524_288_000, { flumeKey: "minimumRequiredSpace", min: 1_048_576, unit: "bytes" }),
  fsyncPerTransaction: boolean(true, { flumeKey: "fsyncPerTransaction" }),
  fsyncInterval: number(5, {
    flumeKey: "fsyncInterval",
    min: 1,
    max: 3600,
    unit: "s",
    shownWhen: { property: "fsyncPerTransaction", is: [false] },
  }),
  checkpointInterval: number(30_000, {
    flumeKey: "checkpointInterval",
    min: 1000,
    max: 2_147_483_647,
    unit: "ms",
    advanced: true,
  }),
  checkpointOnClose: boolean(true, { flumeKey: "checkpointOnClose", advanced: true }),
  useDualCheckpoints: boolean(false, { flumeKey: "useDualCheckpoints", advanced: true }),
  backupCheckpointDir: text("", {
    flumeKey: "backupCheckpointDir",
    format: "directory",
    advanced: true,
    shownWhen: { property: "useDualCheckpoints", is: [true] },
  }),
  compressBackupCheckpoint: boolean(false, {
    flumeKey: "compressBackupCheckpoint",
    advanced: true,
    shownWhen: { property: "useDualCheckpoints", is: [true] },
  }),
  maxFileSize: number(1_623_195_647, { flumeKey: "maxFileSize", min: 1_048_576, unit: "bytes", advanced: true }),
  encryptionActiveKey: text("", { flumeKey: "encryption.activeKey", advanced: true }),
  /** AES-256-GCM whichever is named: it also tells that nothing was changed. */
  encryptionCipherProvider: choice(["AESGCM", "AESCTRNOPADDING"], "AESGCM", {
    flumeKey: "encryption.cipherProvider",
    advanced: true,
  }),
  encryptionKeyFile: text("", { flumeKey: "encryption.keyProvider.keyStoreFile", advanced: true }),
  encryptionKeys: secret({ advanced: true }),
  /** Without effect, as in Flume's own later versions: there is one way to read the log, and it is the fast one. */
  useLogReplayV1: boolean(false, { flumeKey: "use-log-replay-v1", advanced: true }),
  useFastReplay: boolean(false, { flumeKey: "use-fast-replay", advanced: true }),
};

const properties = {
  ...places,
  capacity: number(1_000_000, { flumeKey: "capacity", min: 1, max: 1_000_000_000, unit: "events" }),
  transactionCapacity: number(10_000, { flumeKey: "transactionCapacity", min: 1, max: 10_000_000, unit: "events" }),
  keepAlive: number(3, { flumeKey: "keep-alive", max: 86_400, unit: "s" }),
  ...storage,
};

/** Of a channel that keeps events in the same way, and has room and patience of its own. */
export const storageProperties = { ...places, transactionCapacity: properties.transactionCapacity, ...storage };
/** As Flume has it: one disk that fails must not take the checkpoint and its copy. */
export const storageApart = [{ property: "backupCheckpointDir", from: "checkpointDir" }] as const;

export type FileChannelConfig = ConfigOf<typeof properties>;

/** `storage`: the node's own folder, for directories that are not set. */
export function settingsOf(config: FileChannelConfig, storage: string): FileChannelSettings {
  // One that is named twice is one directory.
  const named = config.dataDirs.split(",").map((directory) => directory.trim());
  const dataDirs = [...new Set(named.filter((directory) => directory !== "").map((directory) => resolve(directory)))];
  return {
    directories: dataDirs.length > 0 ? dataDirs : [join(storage, "data")],
    checkpointDirectory: resolve(config.checkpointDir || join(storage, "checkpoint")),
    backupDirectory: config.useDualCheckpoints
      ? resolve(config.backupCheckpointDir || join(storage, "checkpoint-backup"))
      : undefined,
    compressBackup: config.compressBackupCheckpoint,
    capacity: config.capacity,
    transactionCapacity: config.transactionCapacity,
    keepAlive: config.keepAlive,
    minimumFree: config.minimumRequiredSpace,
    syncInterval: config.fsyncPerTransaction ? 0 : config.fsyncInterval * 1000,
    checkpointInterval: config.checkpointInterval,
    checkpointOnClose: config.checkpointOnClose,
    largestSegment: config.maxFileSize,
    keys: () =>
      loadKeys({
        active: config.encryptionActiveKey,
        secret: config.encryptionKeys,
        file: config.encryptionKeyFile,
      }),
  };
}

export const component: ChannelComponent<typeof properties> = {
  type: "flume-file-channel",
  role: "channel",
  flumeType: "file",
  properties,
  limits: [{ property: "transactionCapacity", atMost: "capacity" }],
  apart: storageApart,
  icon: "flume-file-channel.svg",
  outputs: 1,
  durability: {
    promises: "power-loss",
    unless: [{ when: { fsyncPerTransaction: false }, promises: "process-crash" }],
  },
  create: (config, context) => new FileChannel(settingsOf(config, context.storage), context),
};
