// An order that charges before it reserves.

import * as workflow from '@temporalio/workflow';

interface Activities {
  ChargePayment(orderId: string): Promise<void>;
}

const { ChargePayment } = workflow.proxyActivities<Activities>({ startToCloseTimeout: '1 minute' });

export async function OrderWorkflow(order: { OrderID: string }): Promise<void> {
  await ChargePayment(order.OrderID);
}
