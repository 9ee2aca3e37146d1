// The samples that people start from, and what could differ between run and replay.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';

import { journal } from './activities.js';
import { type GuestStage, within } from './stage.js';

export function stories(stage: () => GuestStage): void {
  test('saga: what was done is undone, the last first', async () => {
    const key = randomUUID();
    assert.equal(await stage().execute('saga', key, 'nothing left'), 'undone: sold out');
    assert.deepEqual(journal.get(key), [
      'book car',
      'book hotel',
      'cancel nothing left',
      'cancel hotel',
      'cancel car',
    ]);
    assert.equal(await stage().execute('saga', randomUUID(), 'flight'), 'booked');
  });

  test('updatable timer', async () => {
    const handle = await stage().start('countdown');
    const left = await handle.query<number, []>('timeLeft');
    assert.ok(left > 3_500_000, `${left}`);
    await handle.signal('setDeadline', Date.now() + 30);
    assert.equal(await within(handle.result()), 'over');
  });

  test('an order that takes long', async () => {
    assert.deepEqual(await stage().execute('processOrder', 500, 20), ['it takes longer', 'done']);
    assert.deepEqual(await stage().execute('processOrder', 1, 60_000), ['done']);
  });

  test('mutex: two never hold it at once', async () => {
    const lock = await stage().start('mutex', [2]);
    const users = await Promise.all([1, 2].map(() => stage().start('usesMutex', [lock.workflowId, 40])));
    const spans = (await Promise.all(users.map((one) => within(one.result())))) as [number, number][];
    spans.sort((one, other) => one[0] - other[0]);
    assert.ok(spans[0]![1] <= spans[1]![0], JSON.stringify(spans));
    assert.equal(await within(lock.result()), 2);
  });

  test('a language of steps', async () => {
    const result = await stage().execute(
      'dsl',
      { name: 'you', n: 3 },
      {
        sequence: [
          { activity: 'greet', input: ['name'], result: 'greeting' },
          {
            parallel: [
              { activity: 'echo', input: ['greeting'], result: 'first' },
              { activity: 'echo', input: ['n'], result: 'second' },
            ],
          },
        ],
      },
    );
    assert.deepEqual(result, { name: 'you', n: 3, greeting: 'Hello, you!', first: 'Hello, you!', second: 3 });
  });

  test('polling by retries', async () => {
    assert.equal(await stage().execute('polling'), 'ready at attempt 3');
  });

  test('an account over several runs loses nothing', async () => {
    const handle = await stage().start('collector');
    const { client } = stage();
    const latest = client.workflow.getHandle(handle.workflowId);
    for (const item of ['a', 'b', 'c', 'd', 'end']) await latest.signal('addItem', item);
    assert.match(`${await within(latest.result())}`, /^a,b,c,d in \d runs$/);
  });

  test('a sliding window', async () => {
    assert.deepEqual(await stage().execute('slidingWindow', 10, 3), [3, ...Array(10).keys()]);
  });
}

export function torture(stage: () => GuestStage): void {
  test('randomness, time and order are the same in replay', async () => {
    const runs = await Promise.all([1, 2, 3].map(() => stage().execute('torture', 25)));
    for (const seen of runs) assert.equal(seen.length, 26);
    assert.notDeepEqual(runs[0], runs[1], 'each run has a random stream of its own');
  });

  test('values arrive as they were sent', async () => {
    const back = await stage().execute('values');
    assert.deepEqual(back, [
      null,
      true,
      -0.5,
      2 ** 53,
      1e300,
      'plain',
      'ünï©ødé ☃ 𝒳 \u0000 "quotes" \\',
      [1, [2, [3, []]]],
      { a: { b: { c: [null, { d: '' }] } } },
      '',
      {},
      [0, 1, 127, 128, 255],
      true,
    ]);
  });

  test('many operations at once', async () => {
    assert.equal(await stage().execute('manyAtOnce', 200), 200);
  });

  test('the world that workflow code sees', async () => {
    const world = await stage().execute('world');
    assert.deepEqual(world, {
      setTimeout: 'function',
      TextEncoder: 'function',
      AbortController: 'function',
      structuredClone: 'function',
      Intl: 'undefined',
      process: 'undefined',
      fetch: 'undefined',
      require: 'undefined',
      weak: 'WeakRef cannot be used in Workflows because v8 GC is non-deterministic',
      url: 'example.org /b 1',
      id: 'world',
    });
  });
}
