// The check of types: the project's own compiler over its own settings.

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

import { Mistake } from './mistake.mjs';

/** A project without TypeScript, or without settings for it, is not checked. */
export function checkTypes(project) {
  const settings = join(project.folder, 'tsconfig.json');
  if (!existsSync(settings)) return;
  let compiler;
  try {
    compiler = createRequire(settings).resolve('typescript/bin/tsc');
  } catch {
    return;
  }
  const words = [compiler, '--noEmit', '--pretty', 'false', '--incremental', 'false', '--composite', 'false'];
  const answer = spawnSync(process.execPath, [...words, '-p', settings], {
    cwd: project.folder,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  if (answer.status === 0) return;
  const said = `${answer.stdout}${answer.stderr}`.trim();
  throw new Mistake(
    `the project has type errors:\n${said}\n` +
      '(package.json: "mainspring": { "typeCheck": false } builds without this check)',
  );
}
