// The user's project: where its workflows are and which library it uses.

import { existsSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative, resolve } from 'node:path';

import { Mistake } from './mistake.mjs';

/** Where workflows usually are, the most specific place first. */
const PLACES = [
  'src/workflows',
  'workflows',
  'src/workflows/index',
  'workflows/index',
  'src/workflow',
  'workflow',
];
const ENDINGS = ['.ts', '.mts', '.cts', '.tsx', '.js', '.mjs', '.cjs'];
const LIBRARY = '@temporalio/workflow';
/** Versions of the library that the adapter is tested with: from, and below. */
const OLDEST = [1, 24, 0];
const BELOW = [2, 0, 0];

/**
 * @typedef {object} Project
 * @property {string} folder
 * @property {string} file The file with the workflows.
 * @property {{ folder: string, version: string }} library
 * @property {string} common The folder of `@temporalio/common` that the library uses.
 * @property {string} long The folder of the `long` that it uses.
 * @property {any} settings The key `mainspring` of package.json.
 */

/** @returns {Project} */
export function openProject(given, workflows) {
  const folder = realpathSync(given);
  const manifest = readManifest(folder);
  const settings = readSettings(manifest);
  const file = findWorkflows(folder, workflows ?? settings.workflows);
  const require = createRequire(join(folder, 'package.json'));
  const library = findLibrary(require, folder, manifest);
  const inside = createRequire(join(library.folder, 'package.json'));
  const common = dirname(inside.resolve('@temporalio/common/package.json'));
  const long = createRequire(join(common, 'package.json')).resolve('long');
  return { folder, file, library, common, long, settings };
}

function readManifest(folder) {
  const path = join(folder, 'package.json');
  let text;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    throw new Mistake(`${folder} has no package.json: name the folder of an npm package`);
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Mistake(`${path} is not JSON: ${error.message}`);
  }
}

const SETTINGS = {
  workflows: 'the file with the workflows',
  types: 'names of exports that are workflow types though they are not async functions',
  interceptors: 'modules that export `interceptors` for workflows',
  payloadConverter: 'a module that exports `payloadConverter`',
  failureConverter: 'a module that exports `failureConverter`',
  failureErrorTypes: 'names of errors that fail a run instead of blocking it',
  ignoreModules: 'modules that the workflow code imports and never calls',
  typeCheck: 'false leaves out the check of types',
};
const LISTS = new Set(['types', 'interceptors', 'failureErrorTypes', 'ignoreModules']);

function readSettings(manifest) {
  const settings = manifest.mainspring ?? {};
  for (const [key, value] of Object.entries(settings)) {
    if (!(key in SETTINGS)) {
      const known = Object.entries(SETTINGS).map(([name, what]) => `  ${name}: ${what}`);
      throw new Mistake(`package.json: "mainspring" has no key ${key}; it has\n${known.join('\n')}`);
    }
    const isRight = LISTS.has(key)
      ? Array.isArray(value) && value.every((one) => typeof one === 'string')
      : typeof value === (key === 'typeCheck' ? 'boolean' : 'string');
    if (!isRight) throw new Mistake(`package.json: "mainspring".${key} is wrong: it is ${SETTINGS[key]}`);
  }
  return settings;
}

function findWorkflows(folder, given) {
  if (given !== undefined) {
    const found = existing(resolve(folder, given)) ?? existing(join(resolve(folder, given), 'index'));
    if (found !== undefined) return found;
    throw new Mistake(`there is no workflow file ${relative('.', resolve(folder, given))}`);
  }
  for (const place of PLACES) {
    const found = existing(join(folder, place));
    if (found !== undefined) return found;
  }
  throw new Mistake(
    `${folder} has none of ${PLACES.map((place) => `${place}.ts`).join(', ')}: say where the workflows ` +
      'are with --workflows FILE, or in package.json: "mainspring": { "workflows": "src/my-workflows.ts" }',
  );
}

function existing(path) {
  if (existsSync(path) && statSync(path).isFile()) return path;
  return ENDINGS.map((ending) => path + ending).find((one) => existsSync(one));
}

function findLibrary(require, folder, manifest) {
  let path;
  try {
    path = require.resolve(`${LIBRARY}/package.json`);
  } catch {
    const isAsked = { ...manifest.dependencies, ...manifest.devDependencies }[LIBRARY] !== undefined;
    const cure = isAsked ? 'npm install' : `npm install ${LIBRARY}`;
    throw new Mistake(`${folder}: ${LIBRARY} is not installed; run \`${cure}\` there`);
  }
  const { version } = JSON.parse(readFileSync(path, 'utf8'));
  const numbers = version.split(/[.-]/).slice(0, 3).map(Number);
  if (compare(numbers, OLDEST) < 0 || compare(numbers, BELOW) >= 0) {
    const range = `${OLDEST.join('.')} or newer, below ${BELOW.join('.')}`;
    throw new Mistake(`${folder} has ${LIBRARY} ${version}; workflows are built with ${range}`);
  }
  return { folder: dirname(realpathSync(path)), version };
}

function compare(one, other) {
  for (let index = 0; index < 3; index++) {
    if (one[index] !== other[index]) return one[index] - other[index];
  }
  return 0;
}
