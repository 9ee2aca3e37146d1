// Builds a project's workflows into a component.
//
//     node main.mjs PROJECT --wit FOLDER --out FILE [--workflows FILE] [--no-type-check]
//
// The last line of standard output is JSON: what was built and what the user should
// know. A mistake of the user's goes to standard error, in sentences, and the exit code
// is 1.

import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { bundle } from './bundle.mjs';
import { componentize } from './componentize.mjs';
import { Mistake } from './mistake.mjs';
import { openProject } from './project.mjs';
import { checkTypes } from './types.mjs';

async function build() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      wit: { type: 'string' },
      out: { type: 'string' },
      workflows: { type: 'string' },
      'no-type-check': { type: 'boolean', default: false },
    },
  });
  const [folder] = positionals;
  if (!folder || !values.wit || !values.out) throw new Mistake('usage: main.mjs PROJECT --wit FOLDER --out FILE');
  const project = openProject(folder, values.workflows);
  if (!values['no-type-check'] && project.settings.typeCheck !== false) checkTypes(project);
  const { isLazy } = await make(project, values.wit, values.out);
  const notes = isLazy
    ? ['the top level of the workflow code needs a run (it asks for the time or for randomness), so each run evaluates it anew']
    : [];
  const { library, file } = project;
  console.log(JSON.stringify({ workflows: file, library: library.version, bytes: statSync(values.out).size, notes }));
}

/**
 * Writes the component, unless it is there and made of the same: the image of a memory
 * holds seeds that the engine drew, so one made anew has another digest.
 */
async function make(project, wit, out) {
  const eager = await bundle(project, { isLazy: false });
  const key = createHash('sha256').update(versions()).update(eager).digest('hex');
  const kept = keptFor(key, out);
  if (kept !== undefined) return kept;
  const work = mkdtempSync(join(tmpdir(), 'mainspring-build-'));
  try {
    const { component, isLazy } = await snapshot(project, eager, wit, work);
    writeFileSync(out, component);
    writeFileSync(`${out}.json`, JSON.stringify({ key, isLazy, digest: digestOf(component) }));
    return { isLazy };
  } finally {
    rmSync(work, { recursive: true });
  }
}

function keptFor(key, out) {
  try {
    const known = JSON.parse(readFileSync(`${out}.json`, 'utf8'));
    return known.key === key && known.digest === digestOf(readFileSync(out)) ? known : undefined;
  } catch {
    return undefined;
  }
}

function digestOf(bytes) {
  return createHash('sha256').update(bytes).digest('hex');
}

/** What else decides about the result: the packages' versions. The contract is in the adapter's. */
function versions() {
  return readFileSync(join(dirname(fileURLToPath(import.meta.url)), '../package-lock.json'));
}

/**
 * The component with the user's modules evaluated in its image; where their top level
 * needs a run, one that evaluates them in each.
 */
async function snapshot(project, eager, wit, work) {
  const first = await componentize(eager, wit, work);
  if (first.component) return { component: first.component, isLazy: false };
  if (!first.needsRun) throw new Mistake(`the workflow code fails while it is loaded:\n${first.error}`);
  const lazy = await bundle(project, { isLazy: true });
  const second = await componentize(lazy, wit, work);
  if (second.component) return { component: second.component, isLazy: true };
  throw new Mistake(`the workflow code fails while it is loaded:\n${second.error}`);
}

build().catch((error) => {
  console.error(error instanceof Mistake ? error.message : error.stack ?? String(error));
  process.exitCode = 1;
});
