// Starts a run, or decides: `starter ID`, `starter ID approve`, `starter ID reject REASON`.

import { Client, Connection } from '@temporalio/client';

import { approval, ApprovalWorkflow } from './workflows';

async function main([workflowId = 'order-123', verdict, reason = '']: string[]): Promise<void> {
  const connection = await Connection.connect({ address: process.env['TEMPORAL_ADDRESS'] ?? 'localhost:7233' });
  const client = new Client({ connection });
  if (verdict === undefined) {
    await client.workflow.start(ApprovalWorkflow, { taskQueue: 'orders', workflowId, args: [workflowId] });
    console.log('waits for an approval:', workflowId);
  } else {
    const handle = client.workflow.getHandle(workflowId);
    await handle.signal(approval, { Approved: verdict === 'approve', Reason: reason });
    console.log('told:', verdict);
  }
  await connection.close();
}

main(process.argv.slice(2)).catch((error) => {
  console.error(error);
  process.exit(1);
});
