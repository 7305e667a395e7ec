/** Of a file or an answer with credentials, in bytes. */
export const LONGEST_SECRET = 64 * 1024;

/** The text of an answer with credentials. Rejects with any Error where it is no success, or longer than they are. */
export async function secretTextOf(response: Response): Promise<string> {
  if (!response.ok) {
    await response.body?.cancel();
    throw new Error(`status ${response.status}`);
  }
  const chunks: Uint8Array[] = [];
  let size = 0;
  // Leaving the loop ends the connection.
  for await (const chunk of response.body ?? []) {
    size += (chunk as Uint8Array).length;
    if (size > LONGEST_SECRET) throw new Error("the answer is too long");
    chunks.push(chunk as Uint8Array);
  }
  return Buffer.concat(chunks).toString();
}

/** Throws its own Error for what is no JSON object: that of JSON.parse quotes the text, which is secret. */
export function secretFields(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null) return value as Record<string, unknown>;
  } catch {
    // Said below.
  }
  throw new Error("it is no JSON object");
}
