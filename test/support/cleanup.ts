type Cleanup = () => Promise<void>;

const pending = new Map<Cleanup, string>();

/**
 * Remembers something that must be ended or deleted, in case a test forgets to or fails before it can.
 * @returns to be called when it has been done properly
 */
export function onLeftover(what: string, cleanup: Cleanup): () => void {
  pending.set(cleanup, what);
  return () => void pending.delete(cleanup);
}

/** Ends what is left, newest first. @returns what it was */
export async function cleanUpLeftovers(): Promise<string[]> {
  const entries = [...pending].reverse();
  pending.clear();
  for (const [cleanup] of entries) await cleanup();
  return entries.map(([, what]) => what);
}
