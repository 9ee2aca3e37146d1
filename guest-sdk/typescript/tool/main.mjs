// Builds a project's workflows into a component.
//
//     node main.mjs PROJECT --wit FOLDER --out FILE [--workflows FILE] [--no-type-check]
//
// The last line of standard output is JSON: what was built and what the user should
// know. A mistake of the user's goes to standard error, in sentences, and the exit code
// is 1.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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
  const work = mkdtempSync(join(tmpdir(), 'mainspring-build-'));
  try {
    const made = await snapshot(project, values.wit, work);
    writeFileSync(values.out, made.component);
    const { library, file } = project;
    const notes = made.isLazy
      ? ['the top level of the workflow code needs a run (it asks for the time or for randomness), so each run evaluates it anew']
      : [];
    console.log(JSON.stringify({ workflows: file, library: library.version, bytes: made.component.length, notes }));
  } finally {
    rmSync(work, { recursive: true });
  }
}

/**
 * The component with the user's modules evaluated in its image; where their top level
 * needs a run, one that evaluates them in each.
 */
async function snapshot(project, wit, work) {
  const eager = await bundle(project, { isLazy: false });
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
