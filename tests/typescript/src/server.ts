// The server under test: the real binary over a temporary folder, with components uploaded.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const ROOT = resolve(import.meta.dirname, '../../..');
/** Where everything is built. */
export const TARGET = process.env.CARGO_TARGET_DIR ?? join(ROOT, 'target');
const BINARY = join(TARGET, 'debug', 'mainspring');
/** How long a server may take until it answers, in milliseconds. */
const PATIENCE = 60_000;

export class Server {
  private constructor(
    readonly address: string,
    private readonly folder: string,
    private readonly process: ChildProcess,
  ) {}

  /** A server with components: names, and projects or files to upload. */
  static async start(
    components: Record<string, string> = { kit: join(ROOT, 'tests', 'workflows') },
    flags: readonly string[] = [],
  ): Promise<Server> {
    const folder = mkdtempSync(join(tmpdir(), 'mainspring-typescript-'));
    const port = await freePort();
    const log = openSync(join(folder, 'log'), 'w');
    const database = join(folder, 'mainspring.db');
    const process = spawn(BINARY, ['dev', '--port', `${port}`, '--db-filename', database, ...flags], {
      stdio: ['ignore', 'ignore', log],
    });
    const server = new Server(`127.0.0.1:${port}`, folder, process);
    await server.answers();
    for (const [name, path] of Object.entries(components)) {
      const uploaded = await server.run('component', 'upload', path, '--name', name);
      if (uploaded !== '') throw new Error(`${name} is not uploaded: ${uploaded}`);
    }
    return server;
  }

  async stop(): Promise<void> {
    if (this.process.exitCode === null && this.process.kill('SIGKILL')) {
      await once(this.process, 'exit');
    }
    rmSync(this.folder, { recursive: true });
  }

  private async answers(): Promise<void> {
    const deadline = Date.now() + PATIENCE;
    while ((await this.run('namespace', 'list')) !== '') {
      if (this.process.exitCode !== null || Date.now() > deadline) {
        throw new Error(`the server does not answer: ${readFileSync(join(this.folder, 'log'))}`);
      }
      await sleep(50);
    }
  }

  /** Runs our own command line; empty if it succeeded, else what it said. */
  async run(...words: string[]): Promise<string> {
    return mainspring(words, { TEMPORAL_ADDRESS: this.address });
  }

  /** What the server has logged so far. */
  log(): string {
    return readFileSync(join(this.folder, 'log'), 'utf8');
  }
}

/** Our own command line; empty if it succeeded, else what it said. */
export async function mainspring(
  words: readonly string[],
  environment: Record<string, string> = {},
): Promise<string> {
  const child = spawn(BINARY, words, {
    env: { ...process.env, CARGO_TARGET_DIR: TARGET, ...environment },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (piece: Buffer) => {
    said += piece.toString();
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return code === 0 ? '' : `it ended with ${code}: ${said}`;
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  if (address === null || typeof address === 'string') throw new Error('a port can be had');
  return address.port;
}
