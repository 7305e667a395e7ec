/** Bytes for a file or a request, so many as is known before, which need not all be in memory at once. */
export interface Content {
  /** Of all of it. */
  readonly length: number;
  /**
   * Hands over all of it in order, piece by piece; may be asked for again, for another attempt. The promise of `to`
   * resolves when the piece may be written over, so only a few are under way at once; when it rejects, no more is
   * handed over, and this rejects too.
   */
  sendTo(to: (piece: Buffer) => Promise<void>): Promise<void>;
}

/** What is in memory anyway. The buffers must not be changed any more. */
export function contentOf(buffers: readonly Buffer[]): Content {
  let length = 0;
  for (const buffer of buffers) length += buffer.length;
  return {
    length,
    async sendTo(to) {
      for (const buffer of buffers) await to(buffer);
    },
  };
}

/** All of it in one buffer. */
export async function gathered(content: Content): Promise<Buffer> {
  const all = Buffer.allocUnsafe(content.length);
  let at = 0;
  await content.sendTo(async (piece) => {
    at += piece.copy(all, at);
  });
  return all;
}
