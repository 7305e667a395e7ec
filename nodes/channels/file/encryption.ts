import { createCipheriv, createDecipheriv, createHmac, hkdfSync } from "node:crypto";
import { HeadraceError } from "../../../lib/engine/errors.js";

const CIPHER = "aes-256-gcm";
export const KEY_BYTES = 32;
const NONCE_BYTES = 12;
export const KEY_CHECK_BYTES = 8;
/** Follows the encrypted payload. */
export const TAG_BYTES = 16;

/** What a segment's header says of its encryption. */
export interface EncryptedWith {
  /** Empty: not encrypted. */
  readonly keyName: string;
  readonly salt: Buffer;
  readonly marker: Buffer;
  /** Tells another key of the same name. */
  readonly keyCheck: Buffer;
}

/** Keys by name. New segments are written with the active one; the others still open what they wrote. */
export interface KeyRing {
  readonly active: string;
  readonly keys: ReadonlyMap<string, Buffer>;
}

/**
 * Encrypts the payloads of one segment. Each segment has a key of its own, derived from the named one and the
 * segment's salt, and a nonce is a record's place in the segment: a segment is written once from front to back,
 * so no pair of key and nonce is used twice.
 */
export class RecordCipher {
  readonly #key: Buffer;

  constructor(key: Buffer, header: Pick<EncryptedWith, "salt" | "marker">) {
    const purpose = Buffer.concat([Buffer.from("headrace log "), header.marker]);
    const derived = hkdfSync("sha256", key, header.salt, purpose, KEY_BYTES);
    this.#key = Buffer.from(derived);
  }

  /** Encrypts `into` from `at` to `end` in place; the tag follows. Returns where it ends. */
  seal(into: Buffer, at: number, end: number, offset: number): number {
    const cipher = createCipheriv(CIPHER, this.#key, nonce(offset));
    cipher.update(into.subarray(at, end)).copy(into, at);
    cipher.final();
    cipher.getAuthTag().copy(into, end);
    return end + TAG_BYTES;
  }

  /** @throws when the key is another, or the payload was changed. */
  open(payload: Buffer, offset: number): Buffer {
    const end = payload.length - TAG_BYTES;
    const decipher = createDecipheriv(CIPHER, this.#key, nonce(offset));
    decipher.setAuthTag(payload.subarray(end));
    const plain = decipher.update(payload.subarray(0, end));
    decipher.final();
    return plain;
  }
}

/** The cipher of a segment; undefined when it is not encrypted. */
export function cipherFor(header: EncryptedWith, ring: KeyRing | undefined): RecordCipher | undefined {
  if (header.keyName === "") return undefined;
  const key = ring?.keys.get(header.keyName);
  if (!key) throw new HeadraceError("FLUME_FILE_CHANNEL_KEY_MISSING", { key: header.keyName });
  if (!keyCheck(key, header.salt).equals(header.keyCheck)) {
    throw new HeadraceError("FLUME_FILE_CHANNEL_KEY_WRONG", { key: header.keyName });
  }
  return new RecordCipher(key, header);
}

export function keyCheck(key: Buffer, salt: Buffer): Buffer {
  return createHmac("sha256", key).update("headrace key check ").update(salt).digest().subarray(0, KEY_CHECK_BYTES);
}

function nonce(offset: number): Buffer {
  const bytes = Buffer.alloc(NONCE_BYTES);
  bytes.writeUInt32LE(offset);
  return bytes;
}
