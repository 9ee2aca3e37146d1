// Starts one workflow and waits for its result.

import { randomUUID } from 'node:crypto';

import { Client, Connection } from '@temporalio/client';

import { taskQueue } from './worker';
import type { GreetingWorkflow } from './workflows';

async function main(): Promise<void> {
  const connection = await Connection.connect({ address: process.env['TEMPORAL_ADDRESS'] ?? 'localhost:7233' });
  const client = new Client({ connection });
  const greeting = await client.workflow.execute<typeof GreetingWorkflow>('GreetingWorkflow', {
    taskQueue,
    workflowId: `greeting-${randomUUID()}`,
    args: [process.argv[2] ?? 'world'],
  });
  console.log(greeting);
  await connection.close();
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
