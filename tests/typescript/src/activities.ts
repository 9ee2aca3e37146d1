// Activities through the official SDK: retries, timeouts, heartbeats, completion from
// outside.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import {
  ActivityCancelledError,
  ActivityNotFoundError,
  WorkflowFailedError,
  type WorkflowHandle,
} from '@temporalio/client';
import {
  ActivityFailure,
  ApplicationFailure,
  CancelledFailure,
  TimeoutFailure,
} from '@temporalio/common';

import { type Stage, refusal } from './stage.js';
import { TOKENS } from './worker.js';

/** What a run's description says about an activity that is open. */
type Pending = NonNullable<
  Awaited<ReturnType<WorkflowHandle['describe']>>['raw']['pendingActivities']
>[number];

/** Waits until the run's activity is as it should be. */
async function pending(run: WorkflowHandle, as: (activity: Pending) => boolean): Promise<Pending> {
  for (;;) {
    const { raw } = await run.describe();
    const found = raw.pendingActivities?.find(as);
    if (found) return found;
    await sleep(50);
  }
}

export function activities(stage: () => Stage): void {
  const failureOf = async (call: object): Promise<ActivityFailure> => {
    const failed = await refusal(stage().execute('OneActivity', call), WorkflowFailedError);
    assert.ok(failed.cause instanceof ActivityFailure, `${failed.cause}`);
    return failed.cause;
  };

  test('ACT-01: a result comes back as it was', async () => {
    for (const value of [1, 'täxt', [1, { a: null }], 1.5, true]) {
      const call = { input: { do: 'echo', value } };
      assert.deepEqual(await stage().execute('OneActivity', call), value);
    }
  });

  test('ACT-08: a failed attempt is retried', async () => {
    const call = { input: { do: 'fail until', attempt: 3 } };
    assert.equal(await stage().execute('OneActivity', call), 3);
  });

  test('ACT-08: attempts are counted', async () => {
    const failed = await failureOf({ input: { do: 'fail' }, maximum_attempts: 2 });
    assert.equal(failed.retryState, 'MAXIMUM_ATTEMPTS_REACHED');
    assert.ok(failed.cause instanceof ApplicationFailure);
    assert.equal(failed.cause.type, 'Declined');
    assert.deepEqual(failed.cause.details, ['a detail']);
  });

  test('ACT-09: what is not retryable is not retried', async () => {
    const told = await failureOf({ input: { do: 'fail', non_retryable: true } });
    assert.equal(told.retryState, 'NON_RETRYABLE_FAILURE');
    const listed = await failureOf({ input: { do: 'fail' }, non_retryable: ['Declined'] });
    assert.equal(listed.retryState, 'NON_RETRYABLE_FAILURE');
  });

  test('WF-21: an ordinary error becomes a failure of its type', async () => {
    const { cause } = await failureOf({ input: { do: 'fail plainly' }, maximum_attempts: 1 });
    assert.ok(cause instanceof ApplicationFailure);
    assert.equal(cause.type, 'TypeError');
    assert.equal(cause.message, 'no failure of the SDK');
  });

  test('ACT-10: a failure asks for its own delay', async () => {
    const input = { do: 'ask for a delay', delay_ms: 50 };
    const call = { input, initial_interval_ms: 600_000 };
    assert.equal(await stage().execute('OneActivity', call), 2);
  });

  test('ACT-03 to 06: each timeout says its type', async () => {
    const input = { do: 'sleep', ms: 3_000 };
    const calls = {
      SCHEDULE_TO_CLOSE: { input, schedule_to_close_ms: 300 },
      START_TO_CLOSE: { input, start_to_close_ms: 200, maximum_attempts: 2 },
      SCHEDULE_TO_START: { input, schedule_to_start_ms: 200, task_queue: 'nobody' },
      HEARTBEAT: { input, heartbeat_ms: 200, maximum_attempts: 1 },
    };
    for (const [kind, call] of Object.entries(calls)) {
      const { cause } = await failureOf(call);
      assert.ok(cause instanceof TimeoutFailure, `${kind}: ${cause}`);
      assert.equal(cause.timeoutType, kind);
    }
  });

  test('ACT-07: the next attempt reads the last heartbeat', async () => {
    const call = { input: { do: 'heartbeat then fail', progress: 7 }, heartbeat_ms: 5_000 };
    assert.equal(await stage().execute('OneActivity', call), 7);
  });

  test('ACT-12: describe shows attempts', async () => {
    const call = { input: { do: 'fail' }, initial_interval_ms: 600_000 };
    const run = await stage().start('OneActivity', call);
    const activity = await pending(run, ({ attempt }) => attempt === 2);
    assert.equal(activity.lastFailure?.message, 'declined');
    assert.ok(activity.scheduledTime);
    await run.terminate('seen');
  });

  test('ACT-14: a heartbeating activity hears of the cancel', async () => {
    const run = await stage().start('OneActivity', {
      input: { do: 'heartbeat for ever' },
      heartbeat_ms: 500,
      start_to_close_ms: 60_000,
    });
    await pending(run, ({ lastHeartbeatTime }) => lastHeartbeatTime != null);
    await run.cancel();
    const ended = await refusal(run.result(), WorkflowFailedError);
    assert.ok(ended.cause instanceof CancelledFailure, `${ended.cause}`);
  });

  const asynchronous = async (): Promise<[WorkflowHandle, Uint8Array]> => {
    const call = { input: { do: 'complete elsewhere' }, activity_id: 'outside' };
    const run = await stage().start('OneActivity', call);
    for (;;) {
      const token = TOKENS.get(run.workflowId);
      if (token) return [run, token];
      await sleep(20);
    }
  };

  test('ACT-15: an activity is completed from outside by its token', async () => {
    const { activity } = stage().client;
    const [run, token] = await asynchronous();
    await activity.heartbeat(token, 'working');
    await activity.complete(token, 'by token');
    assert.equal(await run.result(), 'by token');
    await refusal(activity.complete(token, 'again'), ActivityNotFoundError);
  });

  test('ACT-15: an activity is completed from outside by its ID', async () => {
    const { activity } = stage().client;
    const [run] = await asynchronous();
    const id = { workflowId: run.workflowId, activityId: 'outside' };
    await activity.heartbeat(id, 'working');
    await activity.complete(id, 'by ID');
    assert.equal(await run.result(), 'by ID');
  });

  test('ACT-15: an activity is failed from outside', async () => {
    const [run, token] = await asynchronous();
    await stage().client.activity.fail(token, ApplicationFailure.nonRetryable('no', 'Declined'));
    const failed = await refusal(run.result(), WorkflowFailedError);
    assert.ok(failed.cause instanceof ActivityFailure);
    assert.equal((failed.cause.cause as ApplicationFailure).type, 'Declined');
  });

  test('ACT-15: an activity is cancelled from outside', async () => {
    const { activity } = stage().client;
    const [run, token] = await asynchronous();
    await run.cancel();
    await refusal(activity.heartbeat(token, 'working'), ActivityCancelledError);
    await activity.reportCancellation(token, 'stopped');
    const ended = await refusal(run.result(), WorkflowFailedError);
    assert.ok(ended.cause instanceof CancelledFailure, `${ended.cause}`);
  });

  test('many activities at once', async () => {
    assert.equal(await stage().execute('FanOut', 200), (199 * 200) / 2);
  });
}
