/**
 * Skips the test or hook that runs, and says why: the reasons are printed after the last test, and in CI a
 * skipped test counts as failed. Call it as `skip(this, 'no Java on this machine')`.
 */
export function skip(context: Mocha.Context, reason: string): never {
  const runnable: (Mocha.Runnable & { type?: string; skipReason?: string }) | undefined = context.test;
  if (runnable) {
    runnable.skipReason = reason;
    // In a before hook every test of the suite is skipped: they find the reason at their parent.
    if (runnable.type === "hook" && runnable.parent) Object.assign(runnable.parent, { skipReason: reason });
  }
  context.skip();
}
