// The examples in TypeScript as a team would run them: the component is built from the
// project's folder, the worker and the starter are the project's own programs.

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createRequire } from 'node:module';
import { test } from 'node:test';

import { type GuestStage, within } from './stage.js';

const HERE = resolve(import.meta.dirname, '../..');
const EXAMPLES = resolve(HERE, '../../examples');

/** An example's project, copied to where the packages of these tests are found. */
class Project {
  private constructor(
    private readonly folder: string,
    private readonly address: string,
  ) {}

  static async set(name: string, stage: GuestStage): Promise<Project> {
    const folder = join(HERE, 'built/examples', name);
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    for (const part of ['src', 'package.json', 'tsconfig.json']) {
      cpSync(join(EXAMPLES, name, 'typescript', part), join(folder, part), { recursive: true });
    }
    const project = new Project(folder, stage.server.address);
    const compiler = createRequire(import.meta.url).resolve('typescript/bin/tsc');
    assert.equal((await project.finish(project.spawn(compiler))).code, 0);
    assert.equal(await stage.server.run('component', 'upload', folder, '--name', name), '');
    return project;
  }

  /** One of the project's programs, to its end. */
  async run(program: string, ...words: string[]): Promise<string> {
    const { code, said } = await this.finish(this.spawn(join('lib', `${program}.js`), ...words));
    assert.equal(code, 0, said);
    return said;
  }

  /** The worker, while `act` runs; gives what it said. */
  async withWorker(act: () => Promise<void>): Promise<string> {
    const worker = this.spawn(join('lib', 'worker.js'));
    const end = this.finish(worker);
    try {
      await act();
    } finally {
      worker.kill('SIGINT');
    }
    return (await end).said;
  }

  private spawn(program: string, ...words: string[]): ChildProcess {
    const env = { ...process.env, TEMPORAL_ADDRESS: this.address };
    return spawn(process.execPath, [program, ...words], { cwd: this.folder, env, stdio: ['ignore', 'pipe', 'pipe'] });
  }

  private async finish(child: ChildProcess): Promise<{ code: number | null; said: string }> {
    let said = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (piece: Buffer) => {
        said += piece.toString();
      });
    }
    const [code] = (await once(child, 'close')) as [number | null];
    return { code, said };
  }
}

export function examples(stage: () => GuestStage): void {
  test('the order', async () => {
    const project = await Project.set('order', stage());
    const said = await project.withWorker(async () => {
      assert.match(await project.run('starter', 'order-ts'), /status: completed/);
    });
    assert.equal(said.match(/payment charged/g)?.length, 1, said);
    assert.match(said, /confirmation sent: user-456[\s\S]*warehouse notified: order-ts/);
  });

  test('the approval', async () => {
    const project = await Project.set('approval', stage());
    const { client } = stage();
    const said = await project.withWorker(async () => {
      for (const id of ['yes', 'no']) await project.run('starter', id);
      assert.equal(await client.workflow.getHandle('yes').query('status'), 'waiting for approval');
      await project.run('starter', 'yes', 'approve');
      await within(client.workflow.getHandle('yes').result());
      assert.equal(await client.workflow.getHandle('yes').query('status'), 'charged');
      await project.run('starter', 'no', 'reject', 'over budget');
      await assert.rejects(within(client.workflow.getHandle('no').result()), (error: any) => {
        assert.deepEqual([error.cause.type, error.cause.details], ['ApprovalRejected', ['over budget']]);
        return true;
      });
    });
    assert.equal(said.match(/payment charged/g)?.length, 1, said);
  });

  test('the trial reminder', async () => {
    const project = await Project.set('trial-reminder', stage());
    const said = await project.withWorker(async () => {
      await project.run('starter', 'ada', '1');
      await within(stage().client.workflow.getHandle('trial-ada').result());
    });
    assert.match(said, /welcome sent: ada[\s\S]*trial ending sent: ada/);
  });
}
