// Does what the workflow asks for: an ordinary activity worker.

import { NativeConnection, Worker } from '@temporalio/worker';

import * as activities from './activities';

export const taskQueue = '{{name}}';

export async function connectWorker(address: string): Promise<Worker> {
  const connection = await NativeConnection.connect({ address });
  return Worker.create({ connection, taskQueue, activities });
}

async function main(): Promise<void> {
  const worker = await connectWorker(process.env['TEMPORAL_ADDRESS'] ?? 'localhost:7233');
  await worker.run();
}

if (require.main === module) {
  main().catch((error) => {
    console.error(error);
    process.exit(1);
  });
}
