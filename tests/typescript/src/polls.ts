// Long polls that find nothing: they end empty, in time, and without an error.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { WorkflowHandle } from '@temporalio/client';

import type { Stage } from './stage.js';

const ALL_EVENT = 1;
const CLOSE_EVENT = 2;

/** Awaits a call and expects that it took between these times, in milliseconds. */
async function within<T>(least: number, most: number, call: () => Promise<T>): Promise<T> {
  const began = performance.now();
  const answer = await call();
  const took = performance.now() - began;
  assert.ok(took >= least && took <= most, `${took} ms are not between ${least} and ${most}`);
  return answer;
}

export function polls(stage: () => Stage): void {
  const history = (run: WorkflowHandle, filter: number, nextPageToken?: Uint8Array | null) =>
    stage().connection.withDeadline(Date.now() + 65_000, () =>
      stage().connection.workflowService.getWorkflowExecutionHistory({
        namespace: 'default',
        execution: { workflowId: run.workflowId },
        waitNewEvent: true,
        historyEventFilterType: filter,
        nextPageToken: nextPageToken ?? undefined,
      }),
    );

  test('a wait for the close event ends empty after twenty seconds', async () => {
    const run = await stage().start('Collector', 1);
    const page = await within(15_000, 30_000, () => history(run, CLOSE_EVENT));
    assert.deepEqual(page.history?.events ?? [], []);
    assert.ok(page.nextPageToken?.length, 'the run is open: ask again');
  });

  test('a wait for new events ends empty after twenty seconds', async () => {
    const run = await stage().start('Collector', 1);
    const first = await history(run, ALL_EVENT);
    assert.ok(first.history?.events?.length, 'what is there comes at once');
    const page = await within(15_000, 30_000, () => history(run, ALL_EVENT, first.nextPageToken));
    assert.deepEqual(page.history?.events ?? [], []);
    assert.ok(page.nextPageToken?.length, 'the run is open: ask again');
  });

  test('a history is followed to its end', async () => {
    const run = await stage().start('Collector', 3);
    const kinds: number[] = [];
    let token: Uint8Array | null | undefined;
    let sent = 0;
    do {
      const page = await history(run, ALL_EVENT, token);
      for (const event of page.history?.events ?? []) kinds.push(event.eventType ?? 0);
      token = page.nextPageToken;
      if (sent < 3) await run.signal('add', (sent += 1));
    } while (token?.length);
    const [SIGNALED, COMPLETED] = [26, 2];
    assert.equal(kinds.filter((kind) => kind === SIGNALED).length, 3);
    assert.equal(kinds.at(-1), COMPLETED);
  });

  test('a poll for activities ends empty before its caller gives up', async () => {
    const { connection } = stage();
    const task = await within(2_000, 5_000, () =>
      connection.withDeadline(Date.now() + 5_000, () =>
        connection.workflowService.pollActivityTaskQueue({
          namespace: 'default',
          taskQueue: { name: 'nobody-schedules-here' },
          identity: 'a test',
        }),
      ),
    );
    assert.equal(task.taskToken.length, 0);
  });
}
