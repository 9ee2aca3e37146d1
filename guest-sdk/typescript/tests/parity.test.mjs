// The order in which promise jobs run is Node's: random programs, here with Node's own
// promises and there lowered, on ours. PARITY_PROGRAMS=10000 runs more of them.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import vm from 'node:vm';

import * as esbuild from 'esbuild';

import { LOWERING, withOurHelpers } from '../tool/lowering.mjs';
import { lots, program } from './parity/program.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
const PROGRAMS = Number(process.env.PARITY_PROGRAMS ?? 400);

/** Settles what the program waits for, in an order that the seed decides. */
function driver(seed, promises) {
  const lot = lots(seed + 1);
  const open = [];
  return {
    outside: () => new promises((resolve, reject) => open.push({ resolve, reject })),
    /** False if there was nothing. */
    settleOne() {
      if (open.length === 0) return false;
      const [one] = open.splice(lot(open.length), 1);
      if (lot(4) === 0) one.reject(new Error('outside'));
      else one.resolve(open.length);
      return true;
    },
  };
}

async function inNode(seed, generates) {
  const { outside, settleOne } = driver(seed, Promise);
  let log;
  program(seed, outside, generates).then((said) => (log = said));
  do await new Promise((resolve) => setImmediate(resolve));
  while (log === undefined && settleOne());
  return log ?? 'stuck';
}

async function lowered() {
  const built = await esbuild.build({
    stdin: {
      contents: `
        export { drain } from '../src/environment/jobs.js';
        import * as generators from '../src/environment/generators.js';
        import { HostedPromise, runAsync } from '../src/environment/promise.js';
        globalThis.Promise = HostedPromise;
        globalThis.__mainspringAsync = runAsync;
        globalThis.__mainspringAsyncGenerator = generators.makeAsyncGenerator;
        globalThis.__mainspringAwaited = generators.Awaited;
        globalThis.__mainspringDelegate = generators.delegate;
        export { program } from './parity/program.mjs';`,
      resolveDir: HERE,
    },
    bundle: true,
    write: false,
    format: 'iife',
    globalName: 'lowered',
    ...LOWERING,
  });
  const context = vm.createContext({});
  vm.runInContext(withOurHelpers(built.outputFiles[0].text), context);
  return { ...context.lowered, promises: context.Promise };
}

function onOurs({ program: run, drain, promises }, seed, generates) {
  const { outside, settleOne } = driver(seed, promises);
  let log;
  run(seed, outside, generates).then((said) => (log = said));
  do drain();
  while (log === undefined && settleOne());
  return log ?? 'stuck';
}

process.on('unhandledRejection', () => {});

for (const [what, generates] of [
  ['promises', false],
  ['promises and asynchronous generators', true],
]) {
  test(`${PROGRAMS} programs of ${what} run as in Node`, async () => {
    // Node 20 has no Promise.try; the language's own definition is one line.
    Promise.try ??= function (act, ...input) {
      return new this((resolve) => resolve(act(...input)));
    };
    const ours = await lowered();
    for (let seed = 1; seed <= PROGRAMS; seed++) {
      assert.equal(onOurs(ours, seed, generates), await inNode(seed, generates), `program ${seed}`);
    }
  });
}

test('a stuck program would be seen', async () => {
  const ours = await lowered();
  assert.notEqual(onOurs(ours, 1, false), 'stuck');
  assert.ok(readFileSync(join(HERE, 'parity/program.mjs'), 'utf8').includes('async function'));
});
