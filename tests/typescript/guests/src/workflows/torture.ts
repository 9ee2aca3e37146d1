// Everything that could differ between a run and its replay.

import { proxyActivities, sleep, uuid4, workflowInfo, CancellationScope } from '@temporalio/workflow';

import type * as activities from '../../../src/guests/activities';

const { echo } = proxyActivities<typeof activities>({ startToCloseTimeout: '1 minute' });

/** Decides by randomness, time and order, at every step. */
export async function torture(rounds: number): Promise<string[]> {
  const seen: string[] = [];
  const counts = new Map<string, number>();
  for (let round = 0; round < rounds; round++) {
    const lot = Math.random();
    const id = uuid4();
    counts.set(id, lot);
    seen.push(`${round} ${lot} ${id} ${Date.now()} ${new Date().toISOString()}`);
    if (lot < 0.3) await sleep(1 + Math.floor(Math.random() * 5));
    else if (lot < 0.6) await Promise.all([...counts.keys()].slice(-3).map((key) => echo(key)));
    else if (lot < 0.8) await Promise.race([echo(id), sleep(Math.random() * 3)]);
    else await CancellationScope.withTimeout('1 minute', () => echo([...new Set([id, ...counts.keys()])].length));
  }
  seen.push(Object.keys(Object.fromEntries(counts)).join());
  return seen;
}

/** Values that a converter may break. */
export async function values(): Promise<unknown[]> {
  const given: unknown[] = [
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
  ];
  const back: unknown[] = [];
  for (const value of given) back.push(await echo(value));
  const bytes = await echo(new Uint8Array([0, 1, 127, 128, 255]));
  back.push(Array.from(bytes as Uint8Array));
  back.push((await echo(undefined)) === undefined);
  return back;
}

export async function manyAtOnce(count: number): Promise<number> {
  const order: number[] = [];
  const work = Array.from({ length: count }, async (_, index) => {
    await (index % 2 === 0 ? echo(index) : sleep(1 + (index % 7)));
    order.push(index);
  });
  await Promise.all(work);
  return new Set(order).size;
}

/** Names of the globals that workflow code sees. */
export async function world(): Promise<Record<string, string>> {
  const names = ['setTimeout', 'TextEncoder', 'AbortController', 'structuredClone', 'Intl', 'process', 'fetch', 'require'];
  const found = Object.fromEntries(names.map((name) => [name, typeof (globalThis as any)[name]]));
  let weak = 'allowed';
  try {
    new WeakRef({});
  } catch (error) {
    weak = (error as Error).message;
  }
  const parsed = new URL('https://example.org:8080/a/../b?x=1#y');
  return { ...found, weak, url: `${parsed.hostname} ${parsed.pathname} ${parsed.searchParams.get('x')}`, id: workflowInfo().workflowType };
}

declare const URL: any;
declare class WeakRef { constructor(target: object); }
