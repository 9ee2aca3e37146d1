// The activity by itself, and the whole story on a server of its own.

import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { createServer, connect, type AddressInfo } from 'node:net';
import { test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';

import { Client, Connection } from '@temporalio/client';

import { ComposeGreeting } from './activities';
import { connectWorker, taskQueue } from './worker';

const mainspring = process.env['MAINSPRING'] ?? 'mainspring';

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.unref();
  });
}

async function withServer(story: (address: string) => Promise<void>): Promise<void> {
  const port = await freePort();
  const server: ChildProcess = spawn(mainspring, ['dev', '--port', String(port)], { stdio: 'inherit' });
  try {
    for (let i = 0; i < 50 && !(await listens(port)); i++) await wait(100);
    const address = `127.0.0.1:${port}`;
    execFileSync(mainspring, ['component', 'upload', '.', '--address', address], { stdio: 'inherit' });
    await story(address);
  } finally {
    server.kill();
  }
}

test('the activity greets', async () => {
  assert.equal(await ComposeGreeting('you'), 'Hello, you!');
});

test('the workflow greets', async () => {
  await withServer(async (address) => {
    const worker = await connectWorker(address);
    const connection = await Connection.connect({ address });
    const client = new Client({ connection });
    const greeting = await worker.runUntil(
      client.workflow.execute('GreetingWorkflow', { taskQueue, workflowId: 'test', args: ['you'] }),
    );
    assert.equal(greeting, 'Hello, you!');
    await connection.close();
  });
});
