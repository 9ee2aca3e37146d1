// Signals, queries and updates.

import {
  allHandlersFinished,
  ApplicationFailure,
  condition,
  currentUpdateInfo,
  defineQuery,
  defineSignal,
  defineUpdate,
  proxyActivities,
  setDefaultQueryHandler,
  setDefaultSignalHandler,
  setDefaultUpdateHandler,
  setHandler,
  sleep,
  setCurrentDetails,
} from '@temporalio/workflow';

import type * as activities from '../../../src/guests/activities';

const { echo } = proxyActivities<typeof activities>({ startToCloseTimeout: '1 minute' });

export const unblock = defineSignal('unblock');
export const isBlocked = defineQuery<boolean>('isBlocked');

export async function blocked(): Promise<string> {
  let blocks = true;
  setHandler(unblock, () => void (blocks = false));
  setHandler(isBlocked, () => blocks);
  await condition(() => !blocks);
  return 'unblocked';
}

export const setLanguage = defineUpdate<string, [string]>('setLanguage');
export const getLanguages = defineQuery<string[], [{ all: boolean }]>('getLanguages');
export const approve = defineSignal<[{ name: string }]>('approve');

export async function greetings(): Promise<string> {
  const known: Record<string, string> = { en: 'Hello, world', de: 'Hallo Welt' };
  let language = 'en';
  let approver: string | undefined;
  setHandler(getLanguages, ({ all }) => (all ? ['de', 'en', 'fr'] : Object.keys(known)));
  setHandler(approve, ({ name }) => {
    approver = name;
  });
  setHandler(
    setLanguage,
    async (next) => {
      if (known[next] === undefined) known[next] = await echo(`hello in ${next}`);
      const before = language;
      language = next;
      return before;
    },
    {
      validator(next) {
        if (next.length !== 2) throw new Error(`${next} is no language`);
      },
      description: 'Changes the language',
    },
  );
  await condition(() => approver !== undefined && allHandlersFinished());
  return `${known[language]}, says ${approver}`;
}

export const add = defineUpdate<number, [number]>('add');
export const finish = defineSignal('finish');

/** One handler at a time, in the order in which they came. */
export async function serialised(): Promise<number[]> {
  let busy = false;
  let done = false;
  const seen: number[] = [];
  setHandler(add, async (value) => {
    // All that wait are woken at once: each looks again.
    while (busy) await condition(() => !busy);
    busy = true;
    try {
      seen.push(await echo(value));
      await sleep(5);
      if (value < 0) throw ApplicationFailure.nonRetryable('too small', 'TooSmall');
      return seen.length;
    } finally {
      busy = false;
    }
  });
  setHandler(finish, () => {
    done = true;
  });
  await condition(() => done);
  await condition(allHandlersFinished);
  return seen;
}

/** Signals that nobody asked for yet wait for their handler, in order. */
export async function buffers(): Promise<string[]> {
  const heard: string[] = [];
  await sleep(200);
  setDefaultSignalHandler((name, ...input) => void heard.push(`${name}(${input.join()})`));
  await condition(() => heard.length >= 3);
  return heard;
}

export async function anything(): Promise<string> {
  let done = false;
  setDefaultQueryHandler((name, ...input) => `${name} asks ${input.length}`);
  setDefaultUpdateHandler(async (name, ...input) => {
    done = name === 'stop';
    return [name, input, currentUpdateInfo()?.name];
  });
  setCurrentDetails('waits for **stop**');
  await condition(() => done);
  return 'stopped';
}

/** An update that comes with the start is answered before the run goes on. */
export async function earlyReturn(amount: number): Promise<string> {
  let confirmed: string | undefined;
  setHandler(defineUpdate<string>('confirmation'), async () => {
    await condition(() => confirmed !== undefined);
    return confirmed!;
  });
  confirmed = await echo(`confirmed ${amount}`);
  await sleep(50);
  await condition(allHandlersFinished);
  return 'settled';
}
