// Cancellation scopes, as the documentation has them.

import {
  ActivityCancellationType,
  CancellationScope,
  CancelledFailure,
  isCancellation,
  proxyActivities,
  sleep,
} from '@temporalio/workflow';

import type * as activities from '../../../src/guests/activities';

const { echo, pause, cancelBooking, workUntilCancelled } = proxyActivities<typeof activities>({
  startToCloseTimeout: '1 minute',
  heartbeatTimeout: '2s',
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
});
const { workUntilCancelled: abandoned } = proxyActivities<typeof activities>({
  startToCloseTimeout: '3s',
  heartbeatTimeout: '2s',
  cancellationType: ActivityCancellationType.TRY_CANCEL,
});

export async function cancelTimer(): Promise<string> {
  try {
    await CancellationScope.cancellable(async () => {
      const timer = sleep(60_000);
      CancellationScope.current().cancel();
      await timer;
    });
  } catch (error) {
    if (error instanceof CancelledFailure) return 'timer cancelled';
    throw error;
  }
  return 'never';
}

export async function cleansUp(key: string): Promise<void> {
  try {
    await sleep('1 day');
  } catch (error) {
    if (isCancellation(error)) await CancellationScope.nonCancellable(() => cancelBooking(key, 'all'));
    throw error;
  }
}

export async function withTimeout(): Promise<string> {
  try {
    await CancellationScope.withTimeout(30, () => sleep('1 day'));
    return 'never';
  } catch (error) {
    return `${isCancellation(error)} ${(error as Error).name}`;
  }
}

export async function shielded(): Promise<unknown> {
  const scope = new CancellationScope({ cancellable: false });
  const work = scope.run(() => pause(1000));
  try {
    return await Promise.race([work, CancellationScope.current().cancelRequested]);
  } catch {
    return await work;
  }
}

/** Waits until the worker reports that it stopped. */
export async function cancelActivity(key: string): Promise<string> {
  const scope = new CancellationScope();
  const work = scope.run(() => workUntilCancelled(key));
  await sleep(100);
  scope.cancel();
  try {
    return await work;
  } catch (error) {
    return `${(error as Error).name}: ${isCancellation(error)}`;
  }
}

/** Does not wait: resolved at once, in the same task. */
export async function tryCancelActivity(key: string): Promise<string> {
  const scope = new CancellationScope();
  const work = scope.run(() => abandoned(key));
  await sleep(50);
  scope.cancel();
  try {
    return await work;
  } catch (error) {
    const { cause } = error as Error & { cause?: Error };
    return `${(error as Error).name} by ${cause?.name}: ${isCancellation(error)}`;
  }
}

/** The scope goes with the code, over awaits and beside other branches. */
export async function scopes(): Promise<boolean[]> {
  const one = new CancellationScope();
  const other = new CancellationScope({ cancellable: false });
  const inside = await Promise.all([
    one.run(async () => {
      await echo(1);
      await null;
      return CancellationScope.current() === one;
    }),
    other.run(async () => {
      await sleep(5);
      return CancellationScope.current() === other;
    }),
  ]);
  return [...inside, CancellationScope.current() !== one];
}
