// Parts of the adapter by themselves: text, clones, failures, the order of jobs, places.

import assert from 'node:assert/strict';
import { dirname } from 'node:path';
import { before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import * as esbuild from 'esbuild';

import { lots } from './parity/program.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
let adapter;

before(async () => {
  const built = await esbuild.build({
    stdin: {
      contents: `
        export * as text from '../src/environment/text.js';
        export { structuredClone } from '../src/environment/clone.js';
        export { fromFailure, toFailure } from '../src/failures.js';
        export { inCoreOrder, job, toJob } from '../src/jobs.js';
        export { Operations } from '../src/operations.js';
        export { mapStack } from '../src/source-map.js';
        export { timeOf, toDuration } from '../src/wire.js';`,
      resolveDir: HERE,
    },
    bundle: true,
    write: false,
    format: 'esm',
    target: 'es2022',
  });
  const [{ text }] = built.outputFiles;
  adapter = await import(`data:text/javascript,${encodeURIComponent(text)}`);
});

test('text is encoded and decoded as Node does it, also where it is broken', () => {
  const { TextEncoder: Encoder, TextDecoder: Decoder } = adapter.text;
  const lot = lots(1);
  for (let round = 0; round < 2000; round++) {
    const units = Array.from({ length: lot(20) }, () => [lot(128), 0x80 + lot(0x780), 0xd700 + lot(0x900), lot(0x10000)][lot(4)]);
    const string = String.fromCharCode(...units);
    assert.deepEqual([...new Encoder().encode(string)], [...new TextEncoder().encode(string)], JSON.stringify(string));
    const bytes = Uint8Array.from({ length: lot(12) }, () => [lot(128), 0x80 + lot(0x40), 0xc0 + lot(0x40), lot(256)][lot(4)]);
    assert.equal(new Decoder().decode(bytes), new TextDecoder().decode(bytes), `${bytes}`);
  }
  assert.throws(() => new Decoder('utf-8', { fatal: true }).decode(new Uint8Array([0xff])), TypeError);
  assert.throws(() => new Decoder('utf-16'), RangeError);
  assert.equal(new Decoder().decode(new Uint8Array([0xef, 0xbb, 0xbf, 0x61])), 'a');
});

test('a clone is as deep as Node\'s', () => {
  const shared = { a: [1, new Date(5)] };
  const value = { shared, again: shared, map: new Map([[1, new Set(['x'])]]), bytes: new Uint8Array([1, 2]), nothing: undefined };
  const copy = adapter.structuredClone(value);
  assert.deepEqual(copy, value);
  assert.notEqual(copy.shared, shared);
  assert.equal(copy.shared, copy.again);
  assert.throws(() => adapter.structuredClone({ act() {} }), /DataCloneError/);
});

test('a failure and its causes come back as they went', () => {
  const bytes = (text) => new TextEncoder().encode(text);
  const payload = { metadata: [['encoding', bytes('json/plain')]], data: bytes('7') };
  const node = (kind) => ({ message: 'm', source: 's', stackTrace: '', encodedAttributes: null, kind });
  const execution = { namespace: 'n', workflowId: 'w', runId: 'r' };
  const kinds = [
    { tag: 'activity', val: { scheduledEventId: 5, startedEventId: 6, identity: 'i', activityType: 't', activityId: '1', retryState: 'timeout' } },
    { tag: 'child-workflow', val: { execution, workflowType: 't', initiatedEventId: 5, startedEventId: 6, retryState: 'unspecified' } },
    ...['start-to-close', 'schedule-to-start', 'schedule-to-close', 'heartbeat'].map((timeout) => ({ tag: 'timeout', val: { timeout, lastHeartbeatDetails: [payload] } })),
    { tag: 'cancelled', val: { details: [payload], identity: '' } },
    { tag: 'terminated', val: '' },
    { tag: 'server', val: true },
    { tag: 'reset-workflow', val: [payload] },
    { tag: 'nexus-handler', val: { errorType: 'e', retryBehavior: 'retryable' } },
    { tag: 'application', val: { errorType: 'e', nonRetryable: true, details: [payload], nextRetryDelay: 1_500_000_000, category: 'benign' } },
  ];
  const failure = kinds.map(node);
  assert.deepEqual(adapter.toFailure(adapter.fromFailure(failure)), failure);
});

test('jobs of one activation are in the order of Temporal\'s core', () => {
  const variants = ['fireTimer', 'signalWorkflow', 'resolveActivity', 'doUpdate', 'cancelWorkflow', 'signalWorkflow', 'initializeWorkflow'];
  const ordered = adapter.inCoreOrder(variants.map((variant, index) => adapter.job(variant, { index })));
  assert.deepEqual(
    ordered.map((one) => [one.variant, one[one.variant].index]),
    [['initializeWorkflow', 6], ['signalWorkflow', 1], ['doUpdate', 3], ['signalWorkflow', 5], ['fireTimer', 0], ['resolveActivity', 2], ['cancelWorkflow', 4]],
  );
});

test('a child answers twice, or says why it did not start', () => {
  const operations = new adapter.Operations();
  operations.add(1, { kind: 'child', seq: 4, workflowId: 'w', workflowType: 't' });
  operations.add(2, { kind: 'child', seq: 5, workflowId: 'v', workflowType: 't' });
  const started = adapter.toJob({ tag: 'started', val: { handle: 1, outcome: { tag: 'child', val: 'run' } } }, operations);
  assert.deepEqual(started.resolveChildWorkflowExecutionStart, { seq: 4, succeeded: { runId: 'run' } });
  const closed = adapter.toJob({ tag: 'resolved', val: { handle: 1, outcome: { tag: 'success', val: [] } } }, operations);
  assert.equal(closed.variant, 'resolveChildWorkflowExecution');
  const kind = { tag: 'application', val: { errorType: 'WorkflowExecutionAlreadyStarted', nonRetryable: true, details: [], nextRetryDelay: null, category: 'unspecified' } };
  const taken = { tag: 'failed', val: [{ message: '', source: '', stackTrace: '', encodedAttributes: null, kind }] };
  const refused = adapter.toJob({ tag: 'resolved', val: { handle: 2, outcome: taken } }, operations);
  assert.deepEqual(refused.resolveChildWorkflowExecutionStart, { seq: 5, failed: { workflowId: 'v', workflowType: 't', cause: 1 } });
  assert.equal(adapter.toJob({ tag: 'resolved', val: { handle: 2, outcome: taken } }, operations), undefined);
});

test('a whole millisecond stays the one that it is', () => {
  for (const ms of [1_700_000_000_000, 1_765_432_109_876, 1_999_999_999_999]) {
    assert.equal(adapter.timeOf(Number(BigInt(ms) * 1_000_000n)).getTime(), ms);
  }
  assert.equal(adapter.toDuration({ seconds: 90 * 86_400, nanos: 5_000_000 }), 7_776_000_005_000_000);
});

test('places of the bundle become places of the source', () => {
  globalThis.__mainspringSourceMap = { bundle: 'workflow.js', sources: ['src/a.ts'], lines: { 7: [0, 0, 3, 2, 20, 0, 9, 4, 40, -1, 0, 0] } };
  const stack = '    at one (/workflow.js:7:25)\n    at next (native)\n    at two (/workflow.js:9:1)\n    at <anonymous> (/workflow.js:7:3)';
  assert.equal(adapter.mapStack(stack), '    at one (src/a.ts:9:5)\n    at src/a.ts:3:3');
  assert.match(adapter.mapStack('    at lib (/workflow.js:9:1)'), /workflow\.js:9:1/, 'a stack without user code stays');
  delete globalThis.__mainspringSourceMap;
});
