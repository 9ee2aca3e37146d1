// The trial reminder: a mail at the start, a week's sleep, a mail before the end. The
// sleep is a timer in the run's history and survives every restart.

import { proxyActivities, sleep } from '@temporalio/workflow';

import type * as activities from './activities';

const { SendWelcomeEmail, SendTrialEndingEmail } = proxyActivities<typeof activities>({
  startToCloseTimeout: '1 minute',
  retry: { initialInterval: '2s' },
});

/** The user's ID alone, or an object that also says how long the trial is. */
export type TrialInput = string | { UserID: string; TrialSeconds: number };

const WEEK_SECONDS = 7 * 24 * 60 * 60;

export async function TrialReminderWorkflow(input: TrialInput): Promise<void> {
  const { UserID, TrialSeconds } = typeof input === 'string' ? { UserID: input, TrialSeconds: WEEK_SECONDS } : input;
  await SendWelcomeEmail(UserID);
  await sleep(TrialSeconds * 1000, { summary: 'the trial' });
  await SendTrialEndingEmail(UserID);
}
