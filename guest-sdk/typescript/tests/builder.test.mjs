// The builder's words for what is wrong with a project.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { bundle } from '../tool/bundle.mjs';
import { openProject } from '../tool/project.mjs';

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const WIT = resolve(ROOT, '../../wit');
const made = [];

after(() => made.forEach((folder) => rmSync(folder, { recursive: true })));

/** A project with these files, and the packages of this folder. */
function project(files, manifest = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'mainspring-project-'));
  made.push(folder);
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  const whole = { dependencies: { '@temporalio/workflow': '*' }, ...manifest };
  for (const [path, text] of Object.entries({ 'package.json': JSON.stringify(whole), ...files })) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  return folder;
}

function build(folder, ...flags) {
  const out = join(folder, 'out.wasm');
  const words = [join(ROOT, 'tool/main.mjs'), folder, '--wit', WIT, '--out', out, ...flags];
  const { status, stdout, stderr } = spawnSync(process.execPath, words, { encoding: 'utf8' });
  return { status, said: stderr, answer: status === 0 ? JSON.parse(stdout.trim().split('\n').at(-1)) : undefined, out };
}

function refused(folder, ...flags) {
  const { status, said } = build(folder, ...flags);
  assert.equal(status, 1, said);
  assert.doesNotMatch(said, /at file:\/\//, 'a mistake of the user has no stack of ours');
  return said;
}

const HELLO = 'export async function hello(): Promise<string> { return "hi"; }\n';

test('a project without workflows says where they could be', () => {
  const said = refused(project({}));
  assert.match(said, /has none of src\/workflows\.ts, workflows\.ts/);
  assert.match(said, /--workflows FILE/);
});

test('a workflow file that is not there is named', () => {
  assert.match(refused(project({}), '--workflows', 'src/nowhere.ts'), /there is no workflow file .*src\/nowhere\.ts/);
});

test('a library that is not installed is asked for', () => {
  const folder = project({ 'src/workflows.ts': HELLO });
  rmSync(join(folder, 'node_modules'));
  assert.match(refused(folder), /@temporalio\/workflow is not installed; run `npm install`/);
});

test('a key that package.json cannot have is named with those that it can', () => {
  const folder = project({ 'src/workflows.ts': HELLO }, { mainspring: { workflow: 'x' } });
  assert.match(refused(folder), /has no key workflow; it has\n.*workflows: the file with the workflows/s);
});

test('a syntax error has file and line', () => {
  const said = refused(project({ 'src/workflows.ts': `${HELLO}export async function broken( {\n` }));
  assert.match(said, /src\/workflows\.ts:3:1: |src\/workflows\.ts:2:\d+: /);
});

for (const [module, why] of [
  ['fs', 'cannot touch files'],
  ['node:http', 'cannot use the network'],
  ['child_process', 'cannot start processes'],
  ['@temporalio/activity', 'belongs to workers and clients'],
]) {
  test(`an import of ${module} is refused with its line`, () => {
    const text = `${HELLO}import * as outside from '${module}';\nexport async function bad() { return outside; }\n`;
    const said = refused(project({ 'src/workflows.ts': text }));
    assert.match(said, new RegExp(`src/workflows\\.ts:2:\\d+: workflow code imports "${module}": .*${why}`));
    assert.match(said, /import \* as outside/);
  });
}

test('an export that is not there has file and line', () => {
  const said = refused(
    project({
      'src/workflows.ts': `import { nothing } from './other';\n${HELLO}export const x = nothing;\n`,
      'src/other.ts': 'export const something = 1;\n',
    }),
  );
  assert.match(said, /src\/workflows\.ts:1:\d+: No matching export in "src\/other\.ts" for import "nothing"/);
});

test('a type error is the compiler\'s', () => {
  const folder = project({
    'src/workflows.ts': 'export async function hello(): Promise<string> { return 7; }\n',
    'tsconfig.json': JSON.stringify({ compilerOptions: { strict: true, types: [], skipLibCheck: true } }),
  });
  assert.match(refused(folder), /src\/workflows\.ts\(1,\d+\): error TS2322/);
});

test('top-level code that throws fails the build', () => {
  const said = refused(project({ 'src/workflows.ts': `${HELLO}throw new Error('too early');\n` }));
  assert.match(said, /fails while it is loaded:[\s\S]*too early/);
});

test('the same source gives the same bundle, wherever it lies', async () => {
  const [one, other] = await Promise.all(
    [1, 2].map(async () => bundle(openProject(project({ 'src/workflows.ts': HELLO })), { isLazy: false })),
  );
  assert.equal(one, other);
  assert.doesNotMatch(one, /node_modules|mainspring-project-/);
});

test('a component that is there already is not made anew', () => {
  const folder = project({ 'src/workflows.ts': HELLO });
  const first = build(folder);
  assert.equal(first.status, 0, first.said);
  const bytes = readFileSync(first.out);
  assert.equal(build(folder).status, 0);
  assert.ok(readFileSync(first.out).equals(bytes));
  writeFileSync(join(folder, 'src/workflows.ts'), HELLO.replace('hi', 'ho'));
  assert.equal(build(folder).status, 0);
  assert.ok(!readFileSync(first.out).equals(bytes), 'another source is another component');
});

test('top-level code that needs a run is evaluated in each, and the build says so', () => {
  const folder = project({ 'workflows/index.ts': `const began = Date.now();\n${HELLO}export const at = () => began;\n` });
  const { status, said, answer } = build(folder);
  assert.equal(status, 0, said);
  assert.match(answer.notes.join(), /each run evaluates it anew/);
});
