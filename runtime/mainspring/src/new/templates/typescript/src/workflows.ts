// The workflow: what has to happen, in order. It runs inside the server.

import { defineQuery, proxyActivities, setHandler, sleep } from '@temporalio/workflow';

import type * as activities from './activities';

const { ComposeGreeting } = proxyActivities<typeof activities>({ startToCloseTimeout: '30 seconds' });

export const status = defineQuery<string>('status');

/** Composes a greeting, waits a moment, and gives it back. */
export async function GreetingWorkflow(name: string): Promise<string> {
  let step = 'composing';
  setHandler(status, () => step);
  const greeting = await ComposeGreeting(name);
  step = 'waiting';
  await sleep('1 second');
  step = 'done';
  return greeting;
}
