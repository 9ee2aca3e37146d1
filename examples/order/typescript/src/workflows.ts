// The order story: five durable steps, each an activity in a worker. Whatever dies along
// the way, a step that is recorded as done is never done again.

import { defineQuery, proxyActivities, setHandler } from '@temporalio/workflow';

import type * as activities from './activities';

const { ReserveInventory, ChargePayment, GenerateInvoice, SendConfirmationEmail, NotifyWarehouse } = proxyActivities<
  typeof activities
>({
  startToCloseTimeout: '1 minute',
  retry: { initialInterval: '2s', backoffCoefficient: 2, maximumInterval: '1 minute', maximumAttempts: 5 },
});

export interface OrderInput {
  OrderID: string;
  UserID: string;
}

/** The step that the order is at. */
export const status = defineQuery<string>('status');

export async function OrderWorkflow({ OrderID, UserID }: OrderInput): Promise<void> {
  let step = 'not started';
  setHandler(status, () => step);

  step = 'reserving inventory';
  await ReserveInventory(OrderID);
  step = 'charging payment';
  await ChargePayment(OrderID);
  step = 'generating invoice';
  await GenerateInvoice(OrderID);
  step = 'sending confirmation email';
  await SendConfirmationEmail(UserID);
  step = 'notifying warehouse';
  await NotifyWarehouse(OrderID);
  step = 'completed';
}
