/** Undefined when the text is no absolute URL: `URL.parse` is not in Node 20. */
export function parsedUrl(text: string): URL | undefined {
  try {
    return new URL(text);
  } catch {
    return undefined;
  }
}
