// Our histories in the official SDK: read, and replayed by workflows that are written for
// it. `cargo test --workspace --test histories` leaves them in the target folder. A file
// of its own: bundling workflows keeps a process too busy for tests of timeouts.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { historyFromJSON } from '@temporalio/common/lib/proto-utils.js';
import { DefaultLogger, Runtime, Worker, bundleWorkflowCode } from '@temporalio/worker';

import { TARGET } from './server.js';

const FOLDER = path.join(TARGET, 'histories');
const logger = new DefaultLogger('ERROR');

/** Histories that are replayed, by the names of their files. */
const REPLAYED = [
  'wf-01-order',
  'act-08-retried',
  'act-11-attempts-used-up',
  'msg-01-signals',
  'msg-05-signal-with-start',
  'msg-11-update',
  'msg-18-update-with-start',
  'tim-01-timer',
  'wf-10-child',
  'wf-13-continued-as-new',
  'wf-16-signal',
];

function read(name: string): unknown {
  return JSON.parse(readFileSync(path.join(FOLDER, `${name}.json`), 'utf8'));
}

/** An event's number, and which of the fields with attributes it has. */
function brief(event: Record<string, unknown>): unknown {
  const isSet = (key: string): boolean => key.endsWith('EventAttributes') && event[key] != null;
  return { number: String(event['eventId']), attributes: Object.keys(event).filter(isSet) };
}

before(() => {
  Runtime.install({ logger, telemetryOptions: { logging: { filter: 'error' } } });
});

test('histories are read to their last event', () => {
  const files = readdirSync(FOLDER).filter((file) => file.endsWith('.json'));
  assert.ok(files.length >= 30, `${FOLDER} has ${files.length} histories`);
  for (const file of files) {
    const name = path.basename(file, '.json');
    const { events } = read(name) as { events: Record<string, unknown>[] };
    const history = historyFromJSON({ events });
    const found = (history.events ?? []).map((event) => brief({ ...event }));
    assert.deepEqual(found, events.map(brief), name);
  }
});

test('runs of the kit are replayed by the SDK', async () => {
  const workflowsPath = fileURLToPath(new URL('./replayed.js', import.meta.url));
  const workflowBundle = await bundleWorkflowCode({ workflowsPath, logger });
  for (const name of REPLAYED) {
    await Worker.runReplayHistory({ workflowBundle }, read(name));
  }
});

test('a program that does other things is found', async () => {
  const workflowsPath = fileURLToPath(new URL('./replayed-otherwise.js', import.meta.url));
  const workflowBundle = await bundleWorkflowCode({ workflowsPath, logger });
  const replayed = Worker.runReplayHistory({ workflowBundle }, read('wf-01-order'));
  await assert.rejects(replayed, { name: 'DeterminismViolationError' });
});
