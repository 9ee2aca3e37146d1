// Workflow executions through the official SDK's client.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  QueryNotRegisteredError,
  ServiceError,
  WorkflowExecutionAlreadyStartedError,
  WorkflowFailedError,
  WorkflowNotFoundError,
} from '@temporalio/client';
import {
  ApplicationFailure,
  CancelledFailure,
  TerminatedFailure,
  TimeoutFailure,
} from '@temporalio/common';

import { type Stage, refusal } from './stage.js';

export function workflows(stage: () => Stage): void {
  test('MSG-01: signals arrive in order', async () => {
    const run = await stage().start('Collector', 50);
    const numbers = [...Array(50).keys()];
    for (const n of numbers) await run.signal('add', n);
    assert.deepEqual(await run.result(), numbers);
  });

  test('MSG-08: queries see what was acknowledged and answer after the close', async () => {
    const run = await stage().start('Collector', 2);
    await run.signal('add', 'a');
    assert.deepEqual(await run.query('items'), ['a']);
    await run.signal('add', 'b');
    await run.result();
    assert.deepEqual(await run.query('items'), ['a', 'b']);
    const refused = await refusal(run.query('nothing'), QueryNotRegisteredError);
    assert.match(refused.message, /items/);
  });

  test('LIF-03: an open run keeps its ID', async () => {
    const run = await stage().start('Collector', 1);
    const { workflowId } = run;
    const again = stage().start('Collector', 1, { workflowId });
    await refusal(again, WorkflowExecutionAlreadyStartedError);
    const same = await stage().start('Collector', 1, {
      workflowId,
      workflowIdConflictPolicy: 'USE_EXISTING',
    });
    assert.equal(same.firstExecutionRunId, run.firstExecutionRunId);
    const other = await stage().start('Collector', 1, {
      workflowId,
      workflowIdConflictPolicy: 'TERMINATE_EXISTING',
    });
    assert.notEqual(other.firstExecutionRunId, run.firstExecutionRunId);
    const old = stage().client.workflow.getHandle(workflowId, run.firstExecutionRunId);
    const ended = await refusal(old.result(), WorkflowFailedError);
    assert.ok(ended.cause instanceof TerminatedFailure);
  });

  test('LIF-02: a closed run may keep its ID', async () => {
    const run = await stage().start('Collector', 0);
    const { workflowId } = run;
    await run.result();
    for (const policy of ['REJECT_DUPLICATE', 'ALLOW_DUPLICATE_FAILED_ONLY'] as const) {
      const again = stage().start('Collector', 0, { workflowId, workflowIdReusePolicy: policy });
      await refusal(again, WorkflowExecutionAlreadyStartedError);
    }
    const next = await stage().start('Collector', 0, { workflowId });
    assert.notEqual(next.firstExecutionRunId, run.firstExecutionRunId);
  });

  test('LIF-11: a cancelled workflow cleans up', async () => {
    const run = await stage().start('Sleeper', 600_000);
    await run.cancel();
    const ended = await refusal(run.result(), WorkflowFailedError);
    assert.ok(ended.cause instanceof CancelledFailure);
    const { events } = await run.fetchHistory();
    const cleaned = events?.some((event) => event.activityTaskCompletedEventAttributes);
    assert.ok(cleaned, 'the cleanup ran');
  });

  test('LIF-12: a terminated workflow runs no more code', async () => {
    const run = await stage().start('Collector', 1);
    await run.terminate('enough');
    const ended = await refusal(run.result(), WorkflowFailedError);
    assert.ok(ended.cause instanceof TerminatedFailure);
    await refusal(run.signal('add', 1), WorkflowNotFoundError);
  });

  test('LIF-06: an execution times out', async () => {
    const run = await stage().start('Collector', 1, { workflowExecutionTimeout: 200 });
    const ended = await refusal(run.result(), WorkflowFailedError);
    assert.ok(ended.cause instanceof TimeoutFailure);
  });

  test('TIM-01: a timer fires', async () => {
    assert.equal(await stage().execute('Sleeper', 100), 'slept');
  });

  test('WF-21: a failure keeps its type and details', async () => {
    const failed = await refusal(stage().execute('Failer', 'not today'), WorkflowFailedError);
    const { cause } = failed;
    assert.ok(cause instanceof ApplicationFailure);
    assert.equal(cause.message, 'not today');
    assert.equal(cause.type, 'Declined');
    assert.deepEqual(cause.details, ['a detail']);
  });

  test('describe shows the run', async () => {
    const run = await stage().start('Collector', 1);
    const open = await run.describe();
    assert.equal(open.status.name, 'RUNNING');
    assert.equal(open.type, 'Collector');
    assert.equal(open.taskQueue, 'kit');
    assert.equal(open.runId, run.firstExecutionRunId);
    await run.signal('add', 1);
    await run.result();
    const closed = await run.describe();
    assert.equal(closed.status.name, 'COMPLETED');
    assert.ok(closed.closeTime && closed.closeTime >= closed.startTime);
    assert.ok(closed.historyLength > 0);
  });

  test('VIS-01, 02: lists and counts', async () => {
    const { workflow } = stage().client;
    const waiting = new Set<string>();
    for (let n = 0; n < 5; n += 1) waiting.add((await stage().start('Collector', 1)).workflowId);
    const [one] = waiting;
    const query = "WorkflowType = 'Collector' AND ExecutionStatus = 'Running'";
    for await (const run of workflow.list({ query, pageSize: 2 })) waiting.delete(run.workflowId);
    assert.deepEqual([...waiting], [], 'all are listed');
    assert.equal((await workflow.count(`WorkflowId = '${one}'`)).count, 1);
    const { groups } = await workflow.count('GROUP BY ExecutionStatus');
    assert.ok(groups.some((group) => String(group.groupValues[0]) === 'Running'));
    const refused = await refusal(workflow.count("Colour = 'red'"), ServiceError);
    assert.match(`${refused.cause}`, /character 1/);
  });

  test('LIF-16: histories are gapless over many pages', async () => {
    const run = await stage().start('FanOut', 100);
    await run.result();
    const events = (await run.fetchHistory()).events ?? [];
    assert.ok(events.length > 256, 'it takes more than a page');
    const ids = events.map((event) => Number(event.eventId));
    assert.deepEqual(ids, [...Array(ids.length).keys()].map((place) => place + 1));
  });

  test('bad input is refused in words', async () => {
    // The SDK makes this of every NOT_FOUND, also of a start's.
    const unknown = await refusal(stage().start('Nothing', 1), WorkflowNotFoundError);
    assert.match(unknown.message, /mainspring component upload/);
    for (const [size, limit] of [[2_200_000, /payload-bytes/], [6_000_000, /request-bytes/]] as const) {
      const tooLarge = await refusal(stage().start('Failer', 'x'.repeat(size)), ServiceError);
      assert.match(`${tooLarge.cause}`, limit);
    }
    const nobody = stage().client.workflow.getHandle('nobody');
    await refusal(nobody.signal('add', 1), WorkflowNotFoundError);
  });
}
