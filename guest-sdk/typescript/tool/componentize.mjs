// The bundle and a QuickJS as a component, with its memory as it is after loading.

import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

import { BUNDLE } from './bundle.mjs';

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const WORLD = 'typescript-workflow';
/** How the library says that a function needs a run. */
const NEEDS_RUN = /Workflow uninitialized|may only be used from|can only be used while in Workflow|only be used from workflow context|wasm `unreachable`|outside of Workflow/;

/** `{ component }`, or `{ error, needsRun }` where the code fails while it is loaded. */
export async function componentize(code, wit, work) {
  const world = join(work, 'wit');
  rmSync(world, { recursive: true, force: true });
  mkdirSync(world);
  cpSync(wit, world, { recursive: true });
  cpSync(join(ROOT, 'wit'), world, { recursive: true });
  const source = join(work, BUNDLE);
  const out = join(work, 'component.wasm');
  writeFileSync(source, code);
  // As a program of its own: a failure in native code must not take this one along.
  const program = join(dirname(createRequire(import.meta.url).resolve('componentize-qjs')), 'bin/componentize-qjs');
  const words = [program, '--wit', world, '--js', source, '--module-root', work, '-n', WORLD, '--stub-wasi', '--sync', '-o', out];
  const answer = spawnSync(process.execPath, words, { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
  if (answer.status === 0) return { component: readFileSync(out) };
  const said = `${answer.stdout}\n${answer.stderr}`;
  const from = said.indexOf('Error:');
  const error = from < 0 ? said.trim() : said.slice(from).trim();
  return { error, needsRun: NEEDS_RUN.test(error) };
}
