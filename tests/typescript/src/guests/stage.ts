// What the tests of TypeScript guests share: one component, built once by the command
// line; servers that have it, with a client and an activity worker each.

import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

import { Client, Connection, type WorkflowHandle, type WorkflowStartOptions } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';

import * as activities from './activities.js';
import { mainspring, Server } from '../server.js';

export const PROJECT = resolve(import.meta.dirname, '../../guests');
export const SPECIAL = resolve(import.meta.dirname, '../../special');
export const QUEUE = 'guests';
/** How long a run may take, in milliseconds. */
const PATIENCE = 60_000;

/** Builds a project; what the command line said if it could not. */
export async function build(project: string, out: string): Promise<string> {
  return mainspring(['component', 'build', project, '--out-file', out]);
}

/** The component of the tests, in a folder of its own. */
export class Built {
  private constructor(
    private readonly folder: string,
    readonly file: string,
  ) {}

  static async make(): Promise<Built> {
    // Activities fail on purpose.
    Runtime.install({
      logger: new DefaultLogger('ERROR'),
      telemetryOptions: { logging: { filter: 'error' } },
    });
    const folder = mkdtempSync(join(tmpdir(), 'mainspring-guests-'));
    const file = join(folder, 'guests.component.wasm');
    const given = process.env.GUESTS_COMPONENT;
    if (given !== undefined) return new Built(folder, given);
    const said = await build(PROJECT, file);
    if (said !== '') throw new Error(`the component is not built: ${said}`);
    return new Built(folder, file);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true });
  }
}

export class GuestStage {
  private constructor(
    readonly server: Server,
    readonly connection: Connection,
    readonly client: Client,
    private readonly native: NativeConnection,
    private readonly worker: Worker,
    private readonly running: Promise<void>,
  ) {}

  static async set(components: Record<string, string>, flags: readonly string[]): Promise<GuestStage> {
    const server = await Server.start(components, ['--log-level', 'info', ...flags]);
    const connection = await Connection.connect({ address: server.address });
    const client = new Client({ connection });
    const native = await NativeConnection.connect({ address: server.address });
    const worker = await Worker.create({ connection: native, taskQueue: QUEUE, activities });
    return new GuestStage(server, connection, client, native, worker, worker.run());
  }

  async strike(): Promise<void> {
    this.worker.shutdown();
    await this.running;
    await this.native.close();
    await this.connection.close();
    await this.server.stop();
  }

  async start(type: string, args: unknown[] = [], options: Partial<WorkflowStartOptions> = {}): Promise<WorkflowHandle> {
    const workflowId = options.workflowId ?? `${type}-${randomUUID()}`;
    return this.client.workflow.start(type, { ...options, args, taskQueue: QUEUE, workflowId } as WorkflowStartOptions);
  }

  async execute(type: string, ...args: unknown[]): Promise<any> {
    return within((await this.start(type, args)).result());
  }

  /** Waits until something holds. */
  async until(what: string, holds: () => Promise<boolean>): Promise<void> {
    const deadline = Date.now() + PATIENCE;
    while (!(await holds())) {
      if (Date.now() > deadline) throw new Error(`${what} does not happen`);
      await pause(50);
    }
  }

  /** What the last failed workflow task of a run says, once there is one. */
  async taskFailure(handle: WorkflowHandle): Promise<string> {
    let message: string | undefined;
    await this.until('a failed workflow task', async () => {
      const { events } = await handle.fetchHistory();
      const failed = events?.findLast(({ workflowTaskFailedEventAttributes: one }) => one != null);
      message = failed?.workflowTaskFailedEventAttributes?.failure?.message ?? undefined;
      return message !== undefined;
    });
    return message!;
  }
}

/** A result, or an error that says that there is none. */
export async function within<T>(result: Promise<T>): Promise<T> {
  const given = new AbortController();
  const late = pause(PATIENCE, undefined, { signal: given.signal }).then(() => {
    throw new Error(`the run has no result after ${PATIENCE} ms`);
  });
  try {
    return await Promise.race([result, late]);
  } finally {
    given.abort();
    late.catch(() => undefined);
  }
}
