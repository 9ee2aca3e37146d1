// The queue of promise jobs, and the asynchronous context that travels with them.
//
// A component's export runs no promise job of the engine, not even while the host
// blocks. So `Promise` is ours (promise.ts) and its jobs wait here until the adapter
// lets them run, at the points where Node would.

/** What every AsyncLocalStorage holds, by its number. Never changed in place. */
export type Frame = readonly unknown[];

export interface Job {
  run(): void;
}

const ROOT: Frame = [];
/** Past this many finished jobs the queue lets go of their places. */
const COMPACT_AT = 1024;

let frame: Frame = ROOT;
let queue: Job[] = [];
let head = 0;

export function currentFrame(): Frame {
  return frame;
}

export function enterFrame(next: Frame): void {
  frame = next;
}

export function enqueue(job: Job): void {
  queue.push(job);
}

/** Runs jobs until none is left. */
export function drain(): void {
  while (head < queue.length) {
    const job = queue[head++]!;
    if (head > COMPACT_AT) {
      queue = queue.slice(head);
      head = 0;
    }
    job.run();
  }
  queue = [];
  head = 0;
  frame = ROOT;
}

/** Runs a function in a frame and comes back to the one before. */
export function inFrame<T>(next: Frame, act: () => T): T {
  const before = frame;
  frame = next;
  try {
    return act();
  } finally {
    frame = before;
  }
}
