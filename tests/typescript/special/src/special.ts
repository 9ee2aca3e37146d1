// Workflows of a component that is configured in package.json.

import { condition, defineSignal, patched, proxyActivities, setHandler, sleep } from '@temporalio/workflow';

import type * as activities from '../../src/guests/activities';

const { echo } = proxyActivities<typeof activities>({ startToCloseTimeout: '1 minute' });

export const tell = defineSignal<[string]>('tell');

export async function intercepted(): Promise<string> {
  let told = '';
  setHandler(tell, (what) => {
    told = what;
  });
  await condition(() => told !== '');
  return `${told} ${await echo('x')}`;
}

export async function bigNumber(value: number): Promise<bigint> {
  return BigInt(await echo(value)) + 1n;
}

class OutOfStock extends Error {
  override readonly name = 'OutOfStock';
}

export async function fails(): Promise<void> {
  await sleep(1);
  throw new OutOfStock('nothing left');
}

export async function patches(): Promise<boolean> {
  await sleep(1);
  return patched('a-change');
}

export function notAsync(): Promise<number> {
  return sleep(1).then(() => 7);
}

/** A helper that is exported and no workflow. */
export function helper(): number {
  return 1;
}
