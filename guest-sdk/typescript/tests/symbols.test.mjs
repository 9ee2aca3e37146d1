// docs/languages/typescript.md says something of each public symbol of the library, and
// of nothing else.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import ts from 'typescript';

const HERE = dirname(fileURLToPath(import.meta.url));

function exported() {
  const types = createRequire(import.meta.url).resolve('@temporalio/workflow').replace(/\.js$/, '.d.ts');
  const program = ts.createProgram([types], {
    skipLibCheck: true,
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
  });
  const checker = program.getTypeChecker();
  const module = checker.getSymbolAtLocation(program.getSourceFile(types));
  return checker.getExportsOfModule(module).map(({ name }) => name);
}

function listed() {
  const text = readFileSync(join(HERE, '../../../docs/languages/typescript.md'), 'utf8');
  const [, table] = text.split('## Every public symbol');
  const rows = table.split('\n').filter((line) => line.startsWith('| `'));
  return rows.flatMap((row) => [...row.split(' | ')[0].matchAll(/`(\w+)`/g)].map(([, name]) => name));
}

test('every public symbol of the library is in the list, once', () => {
  assert.deepEqual(listed().sort(), exported().sort());
});
