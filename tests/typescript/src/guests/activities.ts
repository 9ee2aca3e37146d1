// The side effects, done by the worker in the tests. It imports what workflow code must
// not: the workflows take only the types of this file.

import { ApplicationFailure, CancelledFailure, Context } from '@temporalio/activity';

/** What was done, in order: by key, so that tests beside each other don't mix. */
export const journal = new Map<string, string[]>();

function note(key: string, what: string): void {
  const entries = journal.get(key) ?? [];
  journal.set(key, [...entries, what]);
}

export async function greet(name: string): Promise<string> {
  return `Hello, ${name}!`;
}

export async function echo<T>(value: T): Promise<T> {
  return value;
}

export async function failAlways(message: string): Promise<never> {
  throw ApplicationFailure.create({ message, type: 'Hopeless', details: [{ code: 7 }, 'more'] });
}

export async function failUntil(attempt: number): Promise<number> {
  const { info } = Context.current();
  if (info.attempt < attempt) throw new Error(`attempt ${info.attempt}`);
  return info.attempt;
}

/** Works until it is cancelled, and says so. */
export async function workUntilCancelled(key: string): Promise<string> {
  try {
    for (;;) {
      Context.current().heartbeat(key);
      await Context.current().sleep(20);
    }
  } catch (error) {
    if (error instanceof CancelledFailure) note(key, 'cleaned up');
    throw error;
  }
}

export async function pause(ms: number): Promise<number> {
  await new Promise((resolve) => setTimeout(resolve, ms));
  return ms;
}

export async function book(key: string, what: string): Promise<string> {
  if (what === 'nothing left') throw ApplicationFailure.nonRetryable('sold out', 'SoldOut');
  note(key, `book ${what}`);
  return `${what}-1`;
}

export async function cancelBooking(key: string, what: string): Promise<void> {
  note(key, `cancel ${what}`);
}

export async function poll(): Promise<string> {
  const { attempt } = Context.current().info;
  if (attempt < 3) throw new Error('not ready');
  return `ready at attempt ${attempt}`;
}

export async function headerOf(name: string): Promise<unknown> {
  return name;
}
