// Signals, queries and updates through the official client.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { WithStartWorkflowOperation, WorkflowUpdateFailedError } from '@temporalio/client';

import { refusal } from '../stage.js';
import { type GuestStage, QUEUE, within } from './stage.js';

export function messages(stage: () => GuestStage): void {
  test('a signal unblocks, a query tells, also when it is over', async () => {
    const handle = await stage().start('blocked');
    assert.equal(await handle.query('isBlocked'), true);
    await handle.signal('unblock');
    assert.equal(await within(handle.result()), 'unblocked');
    assert.equal(await handle.query('isBlocked'), false);
  });

  test('an update changes the state, and its validator refuses', async () => {
    const handle = await stage().start('greetings');
    assert.equal(await handle.executeUpdate('setLanguage', { args: ['de'] }), 'en');
    const refused = await refusal(handle.executeUpdate('setLanguage', { args: ['german'] }), WorkflowUpdateFailedError);
    assert.equal(refused.cause?.message, 'german is no language');
    assert.equal(await handle.executeUpdate('setLanguage', { args: ['fr'] }), 'de');
    assert.deepEqual(await handle.query('getLanguages', { all: true }), ['de', 'en', 'fr']);
    const unknown = await refusal(handle.executeUpdate('nonsense'), WorkflowUpdateFailedError);
    assert.match(`${unknown.cause?.message}`, /nonsense/);
    await handle.signal('approve', { name: 'Ada' });
    assert.equal(await within(handle.result()), 'hello in fr, says Ada');
    const { events } = await handle.fetchHistory();
    const accepted = events?.filter((event) => event.workflowExecutionUpdateAcceptedEventAttributes != null);
    assert.equal(accepted?.length, 2, 'the refused updates leave no event');
  });

  test('updates that come together are handled one at a time, in order', async () => {
    const handle = await stage().start('serialised');
    const values = [5, 3, 8];
    const started = [];
    for (const value of values) {
      started.push(await handle.startUpdate<number, [number]>('add', { args: [value], waitForStage: 'ACCEPTED' }));
    }
    assert.deepEqual(await Promise.all(started.map((one) => one.result())), [1, 2, 3]);
    const failed = await refusal(handle.executeUpdate('add', { args: [-1] }), WorkflowUpdateFailedError);
    assert.equal(failed.cause?.message, 'too small');
    await handle.signal('finish');
    assert.deepEqual(await within(handle.result()), [5, 3, 8, -1]);
  });

  test('signals wait for their handler', async () => {
    const handle = await stage().start('buffers');
    await handle.signal('one', 1);
    await handle.signal('two', 2, 'b');
    await handle.signal('one', 3);
    assert.deepEqual(await within(handle.result()), ['one(1)', 'two(2,b)', 'one(3)']);
  });

  test('a signal that starts the run is heard', async () => {
    const { client } = stage();
    const handle = await client.workflow.signalWithStart('blocked', {
      workflowId: `signal-with-start-${Date.now()}-${Math.random()}`,
      taskQueue: QUEUE,
      signal: 'unblock',
    });
    assert.equal(await within(handle.result()), 'unblocked');
  });

  test('default handlers take what has no handler', async () => {
    const handle = await stage().start('anything');
    assert.equal(await handle.query('weather', 1, 2), 'weather asks 2');
    assert.deepEqual(await handle.executeUpdate('something', { args: [1, 'x'] }), ['something', [1, 'x'], 'something']);
    const metadata: any = await handle.query('__temporal_workflow_metadata');
    assert.equal(metadata.definition.type, 'anything');
    assert.equal(metadata.currentDetails, 'waits for **stop**');
    await handle.executeUpdate('stop');
    assert.equal(await within(handle.result()), 'stopped');
  });

  test('an update that starts the run returns early', async () => {
    const { client } = stage();
    const startWorkflowOperation = new WithStartWorkflowOperation('earlyReturn', {
      workflowId: `early-${Date.now()}-${Math.random()}`,
      args: [12],
      taskQueue: QUEUE,
      workflowIdConflictPolicy: 'FAIL',
    });
    const confirmation = await client.workflow.executeUpdateWithStart('confirmation', { startWorkflowOperation });
    assert.equal(confirmation, 'confirmed 12');
    const handle = await startWorkflowOperation.workflowHandle();
    assert.equal(await within(handle.result()), 'settled');
  });

  test('a query tells where the run waits', async () => {
    const handle = await stage().start('sleepForDays', [1]);
    const stack = await handle.query<string, []>('__stack_trace');
    assert.match(stack, /at .*\(?src\/workflows\/basics\.ts:\d+:\d+/);
    const enhanced: any = await handle.query('__enhanced_stack_trace');
    const [location] = enhanced.stacks[0].locations;
    assert.equal(location.file_path, 'src/workflows/basics.ts');
    await handle.terminate();
  });

  test('a query without a handler is refused in words', async () => {
    const handle = await stage().start('blocked');
    await assert.rejects(handle.query('nothing'), /did not register a handler for nothing/);
    await handle.terminate();
  });
}
