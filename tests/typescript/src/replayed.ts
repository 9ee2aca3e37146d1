// Workflows of the kit, and the order, as one writes them for the official SDK. They are
// not run: the SDK replays histories of the kit's own against them.

import * as workflow from '@temporalio/workflow';

type Doing = Record<string, (input: unknown) => Promise<unknown>>;

const activities = workflow.proxyActivities<Doing>({ startToCloseTimeout: '1 minute' });

async function act(activity: string, input: unknown): Promise<unknown> {
  return activities[activity]?.(input);
}

export async function OrderWorkflow(order: { OrderID: string; UserID: string }): Promise<void> {
  await act('ReserveInventory', order.OrderID);
  await act('ChargePayment', order.OrderID);
  await act('GenerateInvoice', order.OrderID);
  await act('SendConfirmationEmail', order.UserID);
  await act('NotifyWarehouse', order.OrderID);
}

export async function OneActivity(call: { input: unknown }): Promise<unknown> {
  return act('Do', call.input);
}

export async function Collector(count: number): Promise<unknown[]> {
  const items: unknown[] = [];
  workflow.setHandler(workflow.defineSignal<[unknown]>('add'), (item) => {
    items.push(item);
  });
  await workflow.condition(() => items.length >= count);
  return items;
}

export async function Account(opening: number): Promise<number> {
  let balance = opening;
  let closed = false;
  const add = workflow.defineUpdate<number, [number]>('add');
  workflow.setHandler(add, (amount: number) => (balance += amount), {
    validator: (_amount: number): void => {
      throw new Error('a replay does not validate again (MSG-14)');
    },
  });
  workflow.setHandler(workflow.defineSignal('close'), () => {
    closed = true;
  });
  await workflow.condition(() => closed);
  return balance;
}

export async function Sleeper(milliseconds: number): Promise<string> {
  await workflow.sleep(milliseconds);
  return 'slept';
}

interface Family {
  children: { workflow: string; id: string; input: unknown }[];
}

export async function Parent(family: Family): Promise<unknown[]> {
  return Promise.all(
    family.children.map((child) =>
      workflow.executeChild(child.workflow, { workflowId: child.id, args: [child.input] }),
    ),
  );
}

export async function Chain(link: { left: number }): Promise<void> {
  await workflow.continueAsNew<typeof Chain>({ left: link.left - 1 });
}

export async function Messenger(message: { to: string; signal: string; input: unknown }): Promise<void> {
  const other = workflow.getExternalWorkflowHandle(message.to);
  await other.signal(message.signal, message.input);
}
