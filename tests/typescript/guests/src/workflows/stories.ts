// Longer ones: the samples that people start from.

import {
  ActivityFailure,
  condition,
  continueAsNew,
  defineQuery,
  defineSignal,
  getExternalWorkflowHandle,
  proxyActivities,
  setHandler,
  sleep,
  Trigger,
  uuid4,
  workflowInfo,
} from '@temporalio/workflow';

import type * as activities from '../../../src/guests/activities';

const { book, cancelBooking, echo, pause } = proxyActivities<typeof activities>({ startToCloseTimeout: '1 minute' });
const { poll } = proxyActivities<typeof activities>({
  startToCloseTimeout: '2s',
  retry: { initialInterval: '20ms', backoffCoefficient: 1 },
});

/** Compensations, the last first. */
export async function saga(key: string, last: string): Promise<string> {
  const compensations: (() => Promise<void>)[] = [];
  try {
    for (const what of ['car', 'hotel', last]) {
      compensations.unshift(() => cancelBooking(key, what));
      await book(key, what);
    }
    return 'booked';
  } catch (error) {
    for (const compensate of compensations) await compensate();
    return `undone: ${(error as ActivityFailure).cause?.message}`;
  }
}

/** A timer whose deadline can be moved. */
class UpdatableTimer implements PromiseLike<void> {
  private readonly promise: Promise<void>;
  private updated = false;

  constructor(private deadlineMs: number) {
    this.promise = this.run();
    this.promise.catch(() => undefined);
  }

  private async run(): Promise<void> {
    for (;;) {
      this.updated = false;
      if (!(await condition(() => this.updated, this.deadlineMs - Date.now()))) break;
    }
  }

  then<A = void, B = never>(
    done?: ((value: void) => A | PromiseLike<A>) | null,
    failed?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): PromiseLike<A | B> {
    return this.promise.then(done, failed);
  }

  set deadline(value: number) {
    this.deadlineMs = value;
    this.updated = true;
  }

  get deadline(): number {
    return this.deadlineMs;
  }
}

export const setDeadline = defineSignal<[number]>('setDeadline');
export const timeLeft = defineQuery<number>('timeLeft');

export async function countdown(): Promise<string> {
  const timer = new UpdatableTimer(Date.now() + 3_600_000);
  setHandler(setDeadline, (deadline) => {
    timer.deadline = deadline;
  });
  setHandler(timeLeft, () => timer.deadline - Date.now());
  await timer;
  return 'over';
}

/** Tells somebody if an order takes long. */
export async function processOrder(workMs: number, patienceMs: number): Promise<string[]> {
  const said: string[] = [];
  let processing = true;
  const work = pause(workMs).then(() => {
    processing = false;
  });
  await Promise.race([work, sleep(patienceMs)]);
  if (processing) {
    said.push('it takes longer');
    await work;
  }
  said.push('done');
  return said;
}

export const requestLock = defineSignal<[{ from: string; release: string }]>('request-lock');
export const lockAcquired = defineSignal<[string]>('lock-acquired');

/** A lock that others ask for by signals. */
export async function mutex(grants: number): Promise<number> {
  const waiting: { from: string; release: string }[] = [];
  let released: string | undefined;
  let granted = 0;
  setHandler(requestLock, (request) => void waiting.push(request));
  while (granted < grants) {
    await condition(() => waiting.length > 0, '1 minute');
    const request = waiting.shift()!;
    const token = uuid4();
    setHandler(defineSignal(request.release), () => {
      released = token;
    });
    await getExternalWorkflowHandle(request.from).signal(lockAcquired, request.release);
    granted += 1;
    await condition(() => released === token);
  }
  return granted;
}

export async function usesMutex(mutexId: string, millis: number): Promise<number[]> {
  const acquired = new Trigger<string>();
  setHandler(lockAcquired, (release) => acquired.resolve(release));
  const lock = getExternalWorkflowHandle(mutexId);
  await lock.signal(requestLock, { from: workflowInfo().workflowId, release: `release-${workflowInfo().workflowId}` });
  const release = await acquired;
  const began = Date.now();
  await sleep(millis);
  const ended = Date.now();
  await lock.signal(release);
  return [began, ended];
}

type Statement =
  | { activity: string; result?: string; input?: string[] }
  | { sequence: Statement[] }
  | { parallel: Statement[] };

/** A small language of steps. */
export async function dsl(variables: Record<string, unknown>, root: Statement): Promise<Record<string, unknown>> {
  const steps = proxyActivities<Record<string, (...input: unknown[]) => Promise<unknown>>>({
    startToCloseTimeout: '1 minute',
  });
  async function execute(statement: Statement): Promise<void> {
    if ('sequence' in statement) {
      for (const next of statement.sequence) await execute(next);
    } else if ('parallel' in statement) {
      await Promise.all(statement.parallel.map(execute));
    } else {
      const input = (statement.input ?? []).map((name) => variables[name]);
      const result = await steps[statement.activity]!(...input);
      if (statement.result) variables[statement.result] = result;
    }
  }
  await execute(root);
  return variables;
}

/** The activity's own retries are the polling. */
export async function polling(): Promise<string> {
  return await poll();
}

export const addItem = defineSignal<[string]>('addItem');

/** An account that lives on over runs. */
export async function collector(items: string[] = [], rounds = 0): Promise<string> {
  let closing = false;
  let heard = 0;
  setHandler(addItem, (item) => {
    heard += 1;
    if (item === 'end') closing = true;
    else items.push(item);
  });
  await condition(() => closing || heard >= 2);
  if (closing) return `${items.sort().join()} in ${rounds + 1} runs`;
  return await continueAsNew<typeof collector>(items, rounds + 1);
}

/** At most so many at a time. */
export async function slidingWindow(count: number, width: number): Promise<number[]> {
  const results: number[] = [];
  let running = 0;
  let most = 0;
  const work = Array.from({ length: count }, async (_, index) => {
    // All whose turn it may be are woken at once: each looks again.
    while (running >= width) await condition(() => running < width);
    running += 1;
    most = Math.max(most, running);
    results.push(await echo(index));
    running -= 1;
  });
  await Promise.all(work);
  return [most, ...results.sort((one, other) => one - other)];
}
