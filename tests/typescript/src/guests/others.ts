// Cancellation, failures, other runs, properties.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';

import { CancelledFailure, WorkflowFailedError } from '@temporalio/client';
import type { ApplicationFailure } from '@temporalio/common';

import { journal } from './activities.js';
import { refusal } from '../stage.js';
import { type GuestStage, within } from './stage.js';

export function cancellation(stage: () => GuestStage): void {
  test('a cancelled timer', async () => {
    assert.equal(await stage().execute('cancelTimer'), 'timer cancelled');
  });

  test('a cancelled run cleans up', async () => {
    const key = randomUUID();
    const handle = await stage().start('cleansUp', [key]);
    await stage().until('the first task', async () => (await handle.describe()).historyLength > 4);
    await handle.cancel();
    const failed = await refusal(within(handle.result()), WorkflowFailedError);
    assert.ok(failed.cause instanceof CancelledFailure, `${failed.cause}`);
    assert.deepEqual(journal.get(key), ['cancel all']);
  });

  test('a scope with a timeout', async () => {
    assert.equal(await stage().execute('withTimeout'), 'true CancelledFailure');
  });

  test('a shielded scope', async () => {
    const handle = await stage().start('shielded');
    await handle.cancel();
    assert.equal(await within(handle.result()), 1000);
  });

  test('a cancelled activity is waited for', async () => {
    const key = randomUUID();
    assert.equal(await stage().execute('cancelActivity', key), 'ActivityFailure: true');
    assert.deepEqual(journal.get(key), ['cleaned up']);
  });

  test('a cancelled activity is not waited for', async () => {
    const said = await stage().execute('tryCancelActivity', randomUUID());
    assert.equal(said, 'ActivityFailure by CancelledFailure: true');
  });

  test('the scope goes with the code', async () => {
    assert.deepEqual(await stage().execute('scopes'), [true, true, true]);
  });
}

export function failures(stage: () => GuestStage): void {
  test('a failure arrives whole, with the place in the source', async () => {
    const handle = await stage().start('failsForGood');
    const failed = await refusal(within(handle.result()), WorkflowFailedError);
    const cause = failed.cause as ApplicationFailure;
    assert.deepEqual(
      [cause.message, cause.type, cause.nonRetryable, cause.details],
      ['no such order', 'OrderError', true, [{ order: 7 }, 'and more']],
    );
    assert.match(`${cause.stack}`, /src\/workflows\/failures\.ts:\d+:\d+/);
  });

  test('an activity that fails, and one that takes too long', async () => {
    assert.deepEqual(await stage().execute('catchesActivity'), [
      'failAlways',
      'MAXIMUM_ATTEMPTS_REACHED',
      'nothing works',
      'Hopeless',
      [{ code: 7 }, 'more'],
    ]);
    assert.deepEqual(await stage().execute('catchesTimeout'), [true, true]);
  });

  test('a failure that nobody catches fails the run', async () => {
    const handle = await stage().start('activityFailureFailsIt');
    const failed = await refusal(within(handle.result()), WorkflowFailedError);
    assert.equal(failed.cause?.name, 'ActivityFailure');
    assert.equal((failed.cause as Error & { cause?: Error }).cause?.message, 'passed on');
  });

  test('a bug blocks the run and tells its line', async () => {
    const handle = await stage().start('hasABug');
    const message = await stage().taskFailure(handle);
    assert.match(message, /TypeError: cannot read property 'length' of undefined \(at src\/workflows\/failures\.ts:\d+:\d+\)/);
    assert.equal((await handle.describe()).status.name, 'RUNNING');
    await handle.terminate();
  });

  test('a rejection that nobody handles blocks the run', async () => {
    const handle = await stage().start('forgetsAPromise');
    const message = await stage().taskFailure(handle);
    assert.match(message, /Unhandled Promise rejection: Error: nobody looked/);
    await handle.terminate();
  });
}

export function children(stage: () => GuestStage): void {
  test('children run', async () => {
    assert.deepEqual(await stage().execute('parent', ['a', 'b']), ['child a of true', 'child b of true']);
  });

  test('a child that fails', async () => {
    assert.deepEqual(await stage().execute('parentOfFailing'), [
      'failingChild',
      'ApplicationFailure',
      'the child gave up',
      'GaveUp',
      [{ why: 'tired' }],
    ]);
  });

  test('a parent signals its child', async () => {
    assert.equal(await stage().execute('signalsChild'), 'from the parent');
  });

  test('a run signals and cancels another', async () => {
    const listener = await stage().start('listens');
    await stage().execute('signalsAnother', listener.workflowId);
    assert.equal(await within(listener.result()), 'from outside');
    const waiter = await stage().start('waits');
    await stage().execute('cancelsAnother', waiter.workflowId);
    const failed = await refusal(within(waiter.result()), WorkflowFailedError);
    assert.ok(failed.cause instanceof CancelledFailure);
  });

  test('a signal to nobody fails', async () => {
    assert.match(await stage().execute('signalsNobody'), /not found/i);
  });

  test('an ID that is taken', async () => {
    assert.equal(await stage().execute('sameChildTwice'), 'waits is there, true');
  });

  test('a cancelled child', async () => {
    assert.deepEqual(await stage().execute('cancelsChild'), ['ChildWorkflowFailure', true]);
  });

  test('a run goes on as another', async () => {
    assert.equal(await stage().execute('loops', 3), '6 after true');
    const handle = await stage().start('becomes', ['other']);
    assert.equal(await within(handle.result()), 'child other of false');
  });
}

export function properties(stage: () => GuestStage): void {
  test('search attributes', async () => {
    for (const [name, type] of [
      ['CustomKeywordField', 'Keyword'],
      ['CustomIntField', 'Int'],
    ] as const) {
      const created = await stage().server.run('search-attribute', 'create', '--name', name, '--type', type);
      assert.equal(created, '');
    }
    const handle = await stage().start('changesAttributes');
    assert.deepEqual(await within(handle.result()), [['second'], 'gone']);
    const { searchAttributes } = await handle.describe();
    assert.deepEqual(searchAttributes['CustomKeywordField'], ['second']);
    assert.equal(searchAttributes['CustomIntField'], undefined);
  });

  test('memo', async () => {
    const handle = await stage().start('changesMemo', [], { memo: { first: true } });
    const wanted = { first: true, color: 'red', count: { nested: [1, 2] } };
    assert.deepEqual(await within(handle.result()), wanted);
    assert.deepEqual((await handle.describe()).memo, wanted);
  });

  test('what the workflow says is in the log, once', async () => {
    assert.equal(await stage().execute('talks'), 'said');
    await stage().until('the log', async () => stage().server.log().includes('sink alerter.alert'));
    const log = stage().server.log();
    for (const said of ['hello from the workflow', 'careful', 'plain words', 'something happened']) {
      assert.equal(log.split(said).length - 1, 1, `${said} in ${log}`);
    }
  });
}
