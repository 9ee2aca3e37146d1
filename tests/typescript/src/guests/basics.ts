// Activities, timers, conditions, information, patches.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { GuestStage } from './stage.js';
import { QUEUE, within } from './stage.js';

export function basics(stage: () => GuestStage): void {
  test('an activity answers', async () => {
    assert.equal(await stage().execute('example', 'Temporal'), 'Hello, Temporal!');
  });

  test('activities come one after the other, and all at once', async () => {
    assert.equal(await stage().execute('sequence', 10), 45);
    assert.deepEqual(await stage().execute('fanOut', 12), [...Array(12).keys()]);
  });

  test('an activity is retried', async () => {
    assert.equal(await stage().execute('retried'), 3);
  });

  test('a local activity is an ordinary one', async () => {
    assert.equal(await stage().execute('locally', 'here'), 'Hello, here!');
  });

  test('an activity may have a queue and a summary of its own', async () => {
    assert.equal(await stage().execute('onAnotherQueue', 'you', QUEUE), 'Hello, you!');
  });

  test('a timer and work race', async () => {
    assert.equal(await stage().execute('raceWithTimer', 1, 60_000), 'work');
    assert.equal(await stage().execute('raceWithTimer', 3_000, 1), 'timer');
  });

  test('conditions hold, or time out', async () => {
    assert.deepEqual(await stage().execute('conditions'), [false, true]);
  });

  test('triggers, setTimeout and clearTimeout', async () => {
    assert.equal(await stage().execute('triggers'), 'early');
  });

  test('a timer of many days is one timer', async () => {
    const handle = await stage().start('sleepForDays', [90]);
    await stage().until('the timer', async () => {
      const { events } = await handle.fetchHistory();
      const timer = events?.find((event) => event.timerStartedEventAttributes != null);
      return Number(timer?.timerStartedEventAttributes?.startToFireTimeout?.seconds) === 90 * 86_400;
    });
    await handle.terminate();
  });

  test('a run knows about itself', async () => {
    const handle = await stage().start('aboutItself', [], {
      memo: { note: 'hi' },
      workflowRunTimeout: '1 minute',
    });
    const about: any = await within(handle.result());
    assert.equal(about.workflowId, handle.workflowId);
    assert.equal(about.runId, about.firstRun);
    assert.deepEqual([about.workflowType, about.taskQueue, about.namespace], ['aboutItself', QUEUE, 'default']);
    assert.deepEqual([about.attempt, about.memo, about.searchAttributes], [1, { note: 'hi' }, {}]);
    assert.deepEqual([about.runTimeoutMs, about.taskTimeoutMs], [60_000, 10_000]);
    assert.deepEqual([about.startsInThePast, about.grows, about.unsafeNow], [true, true, true]);
  });

  test('a type without a function of its own goes to the default export', async () => {
    assert.equal(await stage().execute('whateverComes', 1, 'two'), 'whateverComes got [1,"two"]');
  });
}
