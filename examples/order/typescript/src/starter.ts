// Starts an order and waits for its end.

import { Client, Connection } from '@temporalio/client';

import { OrderWorkflow } from './workflows';

async function main(): Promise<void> {
  const connection = await Connection.connect({ address: process.env['TEMPORAL_ADDRESS'] ?? 'localhost:7233' });
  const client = new Client({ connection });
  const handle = await client.workflow.start(OrderWorkflow, {
    taskQueue: 'orders',
    workflowId: process.argv[2] ?? 'order-123',
    args: [{ OrderID: process.argv[2] ?? 'order-123', UserID: 'user-456' }],
  });
  console.log('workflow started', handle.workflowId, handle.firstExecutionRunId);
  await handle.result();
  console.log('status:', await handle.query('status'));
  await connection.close();
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
