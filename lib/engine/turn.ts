/** Milliseconds of work for all pumps together in one turn of the event loop. */
const WORK_PER_TURN = 5;

let turnStarted = 0;
let turnOpen = false;
let nextTurn: Promise<void> | undefined;

function endOfTurn(): void {
  turnOpen = false;
}

/**
 * True once the pumps of this process have used up their share of this turn of the event loop.
 * A chain of resolved promises never lets timers, sockets or signals in, so every loop that could
 * run on asks here before each step and, when due, waits for `nextLoopTurn()`.
 */
export function turnIsOver(): boolean {
  if (!turnOpen) {
    turnOpen = true;
    turnStarted = performance.now();
    setImmediate(endOfTurn);
    return false;
  }
  return performance.now() - turnStarted > WORK_PER_TURN;
}

/** Resolves in the next turn of the event loop, after timers and sockets had theirs. */
export function nextLoopTurn(): Promise<void> {
  nextTurn ??= new Promise((resolve) => {
    setImmediate(() => {
      nextTurn = undefined;
      resolve();
    });
  });
  return nextTurn;
}
