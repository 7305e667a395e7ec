const LOOK_EVERY_MS = 300;

/**
 * Calls back once when npm, which started this script, has gone. A signal sent to npm reaches only the shell between
 * npm and this process, and that shell ends without passing it on.
 * @param {() => void} gone
 * @returns {() => void} stops watching
 */
export function onNpmGone(gone) {
  // Started by hand it may outlive its shell: whoever wants that (nohup) gets it.
  if (!process.env.npm_lifecycle_event) return () => undefined;
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    gone();
  }, LOOK_EVERY_MS);
  timer.unref();
  return () => clearInterval(timer);
}
