// Time and randomness below the library: what it keeps as `workflowInfo().unsafe`.
// The library then puts its own `Date` and `Math.random` over these.

import clock from 'mainspring:workflow/clock@1.0.0';
import random from 'mainspring:workflow/random@1.0.0';

/** Workflow time in milliseconds. */
export function nowMs(): number {
  // A number holds the nanoseconds of today to a quarter of a microsecond: round
  // those away, so that a whole millisecond never counts as the one before.
  return Math.floor(Math.round(clock.now() / 1000) / 1000);
}

export function hostRandom(): number {
  const bytes = random.bytes(7);
  let value = 0;
  for (let index = 0; index < 6; index++) value = value * 256 + bytes[index]!;
  // 48 bits of six bytes and 5 of the seventh make the 53 of a number.
  return (value * 32 + (bytes[6]! >> 3)) / 2 ** 53;
}

/** `Date` whose `now` is the host's. */
export function hostDate(original: DateConstructor): DateConstructor {
  const hosted = function (this: unknown, ...input: any[]): any {
    if (new.target === undefined) return new original(nowMs()).toString();
    const made = input.length === 0 ? [nowMs()] : input;
    return Reflect.construct(original, made, new.target);
  };
  hosted.prototype = original.prototype;
  hosted.now = nowMs;
  hosted.parse = original.parse.bind(original);
  hosted.UTC = original.UTC.bind(original);
  return hosted as any;
}
