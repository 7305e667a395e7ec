/** Text in one character set. */
export interface TextCodec {
  decode(bytes: Buffer): string;
  /** What the character set lacks becomes `?`, as in Java. */
  encode(text: string): Buffer;
}

/**
 * The codec of a character set, by its Java or web name; undefined for UTF-8.
 * @throws Error when its texts can be read here but not written.
 */
export function textCodec(name: string): TextCodec | undefined {
  const key = name.trim().toLowerCase();
  if (key === "us-ascii" || key === "ascii" || key === "iso-8859-1" || key === "latin1") {
    return latin1Codec(key.endsWith("ascii") ? 0x7f : 0xff);
  }
  const decoder = new TextDecoder(key, { ignoreBOM: true });
  switch (decoder.encoding) {
    case "utf-8":
      return undefined;
    case "utf-16le":
      return { decode: (bytes) => bytes.toString("utf16le"), encode: (text) => Buffer.from(text, "utf16le") };
    case "utf-16be":
      return {
        decode: (bytes) => decoder.decode(bytes),
        encode: (text) => Buffer.from(text, "utf16le").swap16(),
      };
    case "gb18030":
    case "iso-2022-jp":
    case "euc-jp":
      throw new Error(`texts in ${name} can be read, but not written, here`);
    default:
      return tableCodec(decoder);
  }
}

/** Java's ISO-8859-1, which is not the web's (that means windows-1252). */
function latin1Codec(highest: number): TextCodec {
  return {
    decode: (bytes) => bytes.toString("latin1"),
    encode(text) {
      const known = text.replace(/[\s\S]/gu, (character) =>
        (character.codePointAt(0) ?? 0) <= highest ? character : "?",
      );
      return Buffer.from(known, "latin1");
    },
  };
}

/** A character set of one or two bytes, encoded by what its decoder gives for each. */
function tableCodec(decoder: InstanceType<typeof TextDecoder>): TextCodec {
  const bytesOf = new Map<string, readonly number[]>();
  const learn = (...bytes: number[]) => {
    const text = decoder.decode(Uint8Array.from(bytes));
    const isOne = Array.from(text).length === 1 && text !== "\ufffd";
    if (isOne && !bytesOf.has(text)) bytesOf.set(text, bytes);
    return isOne;
  };
  for (let lead = 0; lead < 256; lead++) {
    if (learn(lead)) continue;
    for (let trail = 0x30; trail < 256; trail++) learn(lead, trail);
  }
  return {
    decode: (bytes) => decoder.decode(bytes),
    encode: (text) => Buffer.from(Array.from(text).flatMap((character) => bytesOf.get(character) ?? [0x3f])),
  };
}
