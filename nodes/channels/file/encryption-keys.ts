import { readFile, stat } from "node:fs/promises";
import { HeadraceError, isHeadraceError, reasonOf } from "../../../lib/engine/errors.js";
import { KEY_BYTES, type KeyRing } from "./encryption.js";

export interface KeySource {
  /** Name of the key that new segments are written with; empty: no encryption of what is new. */
  readonly active: string;
  /** Lines of `name=key`; commas do as well. */
  readonly secret: string;
  /** A file of the same form; empty: none. */
  readonly file: string;
}

/**
 * The keys of a channel: 32 bytes each, as 64 hexadecimal digits or in base64. Old ones stay listed until the last
 * event written with them has been taken.
 */
export async function loadKeys(source: KeySource): Promise<KeyRing | undefined> {
  const keys = new Map<string, Buffer>();
  if (source.file !== "") for (const [name, key] of parseKeys(await readKeyFile(source.file))) keys.set(name, key);
  for (const [name, key] of parseKeys(source.secret)) keys.set(name, key);
  if (source.active !== "" && !keys.has(source.active)) {
    throw new HeadraceError("FLUME_FILE_CHANNEL_KEY_MISSING", { key: source.active });
  }
  return keys.size > 0 ? { active: source.active, keys } : undefined;
}

/**
 * How Java's key stores begin, by type. Flume's JCEKSFILE provider has one of the first. They are not read: the keys
 * in them belong to Flume's own files, which this channel does not read either.
 */
const KEY_STORES: readonly [type: string, magic: Buffer][] = [
  ["JCEKS", Buffer.from([0xce, 0xce, 0xce, 0xce])],
  ["JKS", Buffer.from([0xfe, 0xed, 0xfe, 0xed])],
  ["PKCS12", Buffer.from([0x30, 0x82])],
];

async function readKeyFile(file: string): Promise<string> {
  try {
    const { mode } = await stat(file);
    const bytes = await readFile(file);
    const store = KEY_STORES.find(([, magic]) => bytes.subarray(0, magic.length).equals(magic));
    if (store) throw new HeadraceError("FLUME_FILE_CHANNEL_KEY_STORE", { file, type: store[0] });
    if (process.platform !== "win32" && (mode & 0o077) !== 0) throw new Error("others may read it; it must be 0600");
    return bytes.toString("utf8");
  } catch (error) {
    if (isHeadraceError(error)) throw error;
    throw new HeadraceError("FLUME_FILE_CHANNEL_KEY_FILE", { file, reason: reasonOf(error) }, error);
  }
}

function* parseKeys(text: string): Iterable<[string, Buffer]> {
  for (const line of text.split(/[\n,]/)) {
    const entry = line.trim();
    if (entry === "" || entry.startsWith("#")) continue;
    const at = entry.indexOf("=");
    const name = entry.slice(0, at).trim();
    const value = entry.slice(at + 1).trim();
    const key = Buffer.from(value, /^[0-9a-f]{64}$/i.test(value) ? "hex" : "base64");
    // What the entry says is never told: it may be a key.
    if (at <= 0 || key.length !== KEY_BYTES)
      throw new HeadraceError("FLUME_FILE_CHANNEL_KEY_INVALID", { key: at > 0 ? name : "?" });
    yield [name, key];
  }
}
