// Starts a trial: `starter USER [SECONDS]`.

import { Client, Connection } from '@temporalio/client';

import { TrialReminderWorkflow } from './workflows';

async function main([user = 'user-456', seconds]: string[]): Promise<void> {
  const connection = await Connection.connect({ address: process.env['TEMPORAL_ADDRESS'] ?? 'localhost:7233' });
  const client = new Client({ connection });
  const handle = await client.workflow.start(TrialReminderWorkflow, {
    taskQueue: 'trials',
    workflowId: `trial-${user}`,
    args: [seconds === undefined ? user : { UserID: user, TrialSeconds: Number(seconds) }],
  });
  console.log('the trial has begun:', handle.workflowId);
  await connection.close();
}

main(process.argv.slice(2)).catch((error) => {
  console.error(error);
  process.exit(1);
});
