/**
 * The rules that keep a commit from coming too early. All are on; tests take one out to see that they would
 * notice. Nothing else may write here.
 */
export const guards = {
  /** Completions during a deploy are held back, and what a replaced node had is failed (deploy-buffer.ts). */
  deploys: true,
  /** One message at a time in a Switch node (switch-turns.ts). */
  switchTurns: true,
  /** What a Join node sends belongs to all that it joined (join-groups.ts). */
  joinGroups: true,
  /** A message without a token belongs to all that its sender was working on (message-owners.ts). */
  childRecords: true,
};
