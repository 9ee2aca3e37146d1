// First steps: an activity, its options, timers, conditions, patches.

import {
  condition,
  deprecatePatch,
  patched,
  proxyActivities,
  proxyLocalActivities,
  sleep,
  Trigger,
  workflowInfo,
} from '@temporalio/workflow';

import type * as activities from '../../../src/guests/activities';

const { greet, echo, failUntil, pause } = proxyActivities<typeof activities>({
  startToCloseTimeout: '1 minute',
  retry: { initialInterval: '10ms', backoffCoefficient: 1 },
});

export async function example(name: string): Promise<string> {
  return await greet(name);
}

export async function sequence(count: number): Promise<number> {
  let total = 0;
  for (let index = 0; index < count; index++) total += await echo(index);
  return total;
}

export async function fanOut(count: number): Promise<number[]> {
  return await Promise.all(Array.from({ length: count }, (_, index) => echo(index)));
}

export async function retried(): Promise<number> {
  return await failUntil(3);
}

const local = proxyLocalActivities<typeof activities>({ startToCloseTimeout: '10s' });

export async function locally(name: string): Promise<string> {
  return await local.greet(name);
}

export async function onAnotherQueue(name: string, taskQueue: string): Promise<string> {
  const other = proxyActivities<typeof activities>({ startToCloseTimeout: '1 minute', taskQueue, summary: 'elsewhere' });
  return await other.greet(name);
}

export async function raceWithTimer(workMs: number, patienceMs: number): Promise<string> {
  const work = pause(workMs).then(() => 'work');
  return await Promise.race([work, sleep(patienceMs).then(() => 'timer')]);
}

export async function conditions(): Promise<unknown[]> {
  let open = false;
  const timedOut = await condition(() => open, '20ms');
  setTimeout(() => {
    open = true;
  }, 10);
  const met = await condition(() => open, '1 minute');
  await condition(() => open);
  return [timedOut, met];
}

export async function triggers(): Promise<string> {
  const gate = new Trigger<string>();
  const timer = setTimeout(() => gate.resolve('late'), 60_000);
  setTimeout(() => gate.resolve('early'), 5);
  const said = await gate;
  clearTimeout(timer);
  return said;
}

/** As long as it is asked to. */
export async function sleepForDays(days: number): Promise<string> {
  await sleep(`${days} days`);
  return 'awake';
}

export async function aboutItself(): Promise<Record<string, unknown>> {
  const info = workflowInfo();
  const { workflowId, runId, workflowType, taskQueue, namespace, attempt, memo, searchAttributes } = info;
  const before = info.historyLength;
  await sleep(1);
  return {
    workflowId,
    runId,
    workflowType,
    taskQueue,
    namespace,
    attempt,
    memo,
    searchAttributes,
    firstRun: info.firstExecutionRunId,
    startsInThePast: info.startTime.getTime() <= Date.now(),
    runTimeoutMs: info.runTimeoutMs,
    taskTimeoutMs: info.taskTimeoutMs,
    grows: workflowInfo().historyLength > before,
    unsafeNow: Math.abs(info.unsafe.now() - Date.now()) < 60_000,
  };
}

export async function patchedFlow(): Promise<string> {
  deprecatePatch('older');
  const first = patched('newer') ? 'new' : 'old';
  await sleep(1);
  const second = patched('newer') ? 'new' : 'old';
  return `${first} ${second}`;
}
