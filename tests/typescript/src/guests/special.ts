// A component that is configured in package.json: converters, interceptors, types.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';

import { Client, WorkflowFailedError } from '@temporalio/client';
import { NativeConnection, Worker } from '@temporalio/worker';

import { refusal } from '../stage.js';
import * as activities from './activities.js';
import { type GuestStage, within } from './stage.js';

const QUEUE = 'special';

export function special(stage: () => GuestStage): void {
  test('converters and interceptors of package.json take effect', async () => {
    const { connection, server } = stage();
    const client = new Client({ connection });
    const native = await NativeConnection.connect({ address: server.address });
    const worker = await Worker.create({ connection: native, taskQueue: QUEUE, activities });
    await worker.runUntil(async () => {
      const start = (type: string, args: unknown[] = []) =>
        client.workflow.start(type, { taskQueue: QUEUE, workflowId: `${type}-${randomUUID()}`, args });
      const talk = await start('intercepted');
      await talk.signal('tell', 'hello');
      assert.equal(await within(talk.result()), 'intercepted hello! <x>');

      const failed = await refusal(within((await start('fails')).result()), WorkflowFailedError);
      assert.equal(failed.cause?.message, 'marked: nothing left');

      assert.equal(await within((await start('notAsync')).result()), 7);

      const big = await start('bigNumber', [40]);
      await within(big.result().catch(() => undefined));
      const { events } = await big.fetchHistory();
      const close = events?.at(-1)?.workflowExecutionCompletedEventAttributes;
      const [payload] = close?.result?.payloads ?? [];
      assert.equal(Buffer.from(payload?.metadata?.['encoding'] ?? []).toString(), 'text/bigint');
      assert.equal(Buffer.from(payload?.data ?? []).toString(), '41');

      const patches = await start('patches');
      const message = await stage().taskFailure(patches);
      assert.match(message, /patched\("a-change"\): this server does not record version markers yet.*special\.ts:\d+/);
      await patches.terminate();

      // What is not async is no workflow type: this one goes to the other component's default.
      assert.equal(await within((await start('helper')).result()), 'helper got []');
    });
    await native.close();
  });
}
