// What the tests share: the server, a client, an activity worker, and their helpers.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';

import { Client, Connection, type WorkflowHandle, type WorkflowStartOptions } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';

import { Server } from './server.js';
import { Do } from './worker.js';

export const QUEUE = 'kit';

export class Stage {
  private constructor(
    private readonly server: Server,
    readonly connection: Connection,
    readonly client: Client,
    private readonly worker: Worker,
    private readonly native: NativeConnection,
    private readonly running: Promise<void>,
  ) {}

  static async set(): Promise<Stage> {
    // Many tests make activities fail on purpose.
    Runtime.install({
      logger: new DefaultLogger('ERROR'),
      telemetryOptions: { logging: { filter: 'error' } },
    });
    const server = await Server.start();
    const { address } = server;
    const connection = await Connection.connect({ address });
    const client = new Client({ connection });
    const native = await NativeConnection.connect({ address });
    const worker = await Worker.create({
      connection: native,
      taskQueue: QUEUE,
      activities: { Do },
    });
    return new Stage(server, connection, client, worker, native, worker.run());
  }

  async strike(): Promise<void> {
    this.worker.shutdown();
    await this.running;
    await this.native.close();
    await this.connection.close();
    await this.server.stop();
  }

  /** Starts a run of the kit, with an ID of its own. */
  async start(
    type: string,
    input: unknown,
    options: Partial<WorkflowStartOptions> = {},
  ): Promise<WorkflowHandle & { firstExecutionRunId: string }> {
    const id = options.workflowId ?? `${type}-${randomUUID()}`;
    return this.client.workflow.start(type, {
      ...options,
      args: [input],
      taskQueue: QUEUE,
      workflowId: id,
    } as WorkflowStartOptions);
  }

  async execute(type: string, input: unknown): Promise<any> {
    return (await this.start(type, input)).result();
  }
}

/** Expects that a promise is refused with an error of this class, and gives it. */
export async function refusal<E extends Error>(
  promise: Promise<unknown>,
  kind: new (...parameters: any[]) => E,
): Promise<E> {
  try {
    await promise;
  } catch (error) {
    assert.ok(error instanceof kind, `expected ${kind.name}, got ${error}`);
    return error;
  }
  return assert.fail(`expected ${kind.name}, and it succeeded`);
}
