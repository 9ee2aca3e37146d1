// The approval story: an order is charged when a person has approved it. The wait costs
// nothing and may last for months; the approval is a signal.

import { ApplicationFailure, condition, defineQuery, defineSignal, proxyActivities, setHandler } from '@temporalio/workflow';

import type * as activities from './activities';

const { ChargePayment } = proxyActivities<typeof activities>({
  startToCloseTimeout: '1 minute',
  retry: { initialInterval: '2s', maximumAttempts: 5 },
});

export interface ApprovalSignal {
  Approved: boolean;
  Reason: string;
}

export const approval = defineSignal<[Partial<ApprovalSignal>]>('approval');
/** What the run is doing or how it ended. */
export const status = defineQuery<string>('status');

/** Charges an order after its approval, or fails with the reason of the refusal. */
export async function ApprovalWorkflow(orderId: string): Promise<void> {
  let step = 'waiting for approval';
  let decision: Partial<ApprovalSignal> | undefined;
  setHandler(status, () => step);
  // The first one counts.
  setHandler(approval, (signal) => {
    decision ??= signal;
  });

  await condition(() => decision !== undefined);
  if (!decision?.Approved) {
    step = 'rejected';
    throw ApplicationFailure.create({
      message: 'approval rejected',
      type: 'ApprovalRejected',
      details: [decision?.Reason ?? ''],
    });
  }
  step = 'charging payment';
  await ChargePayment(orderId);
  step = 'charged';
}
