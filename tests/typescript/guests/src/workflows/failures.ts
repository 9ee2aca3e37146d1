// How things go wrong.

import {
  ActivityFailure,
  ApplicationFailure,
  proxyActivities,
  sleep,
  TimeoutFailure,
} from '@temporalio/workflow';
import { TimeoutType } from '@temporalio/common';

import type * as activities from '../../../src/guests/activities';

const { failAlways } = proxyActivities<typeof activities>({
  startToCloseTimeout: '1 minute',
  retry: { maximumAttempts: 2, initialInterval: '5ms' },
});
const { pause } = proxyActivities<typeof activities>({ startToCloseTimeout: '100ms', retry: { maximumAttempts: 1 } });

export async function failsForGood(): Promise<void> {
  await sleep(1);
  throw ApplicationFailure.nonRetryable('no such order', 'OrderError', { order: 7 }, 'and more');
}

export async function catchesActivity(): Promise<unknown[]> {
  try {
    await failAlways('nothing works');
    return [];
  } catch (error) {
    if (!(error instanceof ActivityFailure)) throw error;
    const cause = error.cause as ApplicationFailure;
    return [error.activityType, error.retryState, cause.message, cause.type, cause.details];
  }
}

export async function catchesTimeout(): Promise<unknown[]> {
  try {
    await pause(5000);
    return [];
  } catch (error) {
    const { cause } = error as ActivityFailure;
    return [cause instanceof TimeoutFailure, (cause as TimeoutFailure).timeoutType === TimeoutType.START_TO_CLOSE];
  }
}

export async function activityFailureFailsIt(): Promise<void> {
  await failAlways('passed on');
}

/** An error that is no failure is a bug: the run waits for better code. */
export async function hasABug(): Promise<string> {
  await sleep(1);
  const nothing = undefined as unknown as { length: number };
  return `${nothing.length}`;
}

export async function forgetsAPromise(): Promise<void> {
  void (async () => {
    await sleep(1);
    throw new Error('nobody looked');
  })();
  await sleep('1 day');
}
