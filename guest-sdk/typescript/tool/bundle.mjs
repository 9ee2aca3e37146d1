// The user's workflows, the library and the adapter as one module for QuickJS.

import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

import * as esbuild from 'esbuild';

import { Mistake } from './mistake.mjs';
import { onlyWhatAWorkflowMayImport } from './imports.mjs';
import { LOWERING, withOurHelpers } from './lowering.mjs';
import { placesTable } from './source-map.mjs';

const SOURCES = resolve(dirname(fileURLToPath(import.meta.url)), '../src');
export const BUNDLE = 'workflow.js';

/** @param {import('./project.mjs').Project} project */
export async function bundle(project, { isLazy }) {
  const entry = entryOf(project, isLazy);
  let built;
  try {
    built = await esbuild.build({
      stdin: { contents: entry, resolveDir: SOURCES, sourcefile: 'mainspring-entry.ts', loader: 'ts' },
      absWorkingDir: project.folder,
      bundle: true,
      write: false,
      outfile: BUNDLE,
      format: 'esm',
      ...LOWERING,
      keepNames: false,
      legalComments: 'none',
      sourcemap: 'external',
      sourcesContent: false,
      external: ['mainspring:*'],
      inject: [join(SOURCES, 'environment/url.ts')],
      conditions: ['module'],
      mainFields: ['module', 'main'],
      define: { 'process.env.NODE_ENV': '"production"' },
      plugins: [oneLibrary(project), urlWhereUsed(), onlyWhatAWorkflowMayImport(project)],
      logLevel: 'silent',
    });
  } catch (error) {
    throw await inWords(error, project);
  }
  const code = built.outputFiles.find(({ path }) => path.endsWith('.js')).text;
  const map = built.outputFiles.find(({ path }) => path.endsWith('.map')).text;
  return withoutPaths(withOurHelpers(code), project) + placesTable(map, project, SOURCES, BUNDLE);
}

/** Where packages and the adapter lie on this machine must not be part of a component. */
function withoutPaths(code, project) {
  const adapter = `${relative(project.folder, SOURCES).split(sep).join('/')}/`;
  const named = (path) => path.replace(adapter, 'mainspring/').replace(/^.*\/node_modules\//, '');
  return code
    .replace(/^( *)"([^"\n]+)"(\([a-z, ]*\) \{)$/gm, (_all, indent, path, rest) => `${indent}"${named(path)}"${rest}`)
    .replace(/^( *\/\/ )(\S+)$/gm, (_all, slashes, path) => slashes + named(path));
}

/** The module that everything hangs on. */
function entryOf(project, isLazy) {
  const { settings, file, library } = project;
  const path = (one) => JSON.stringify(one);
  const interceptors = (settings.interceptors ?? []).map((one) => moduleOf(project, one));
  const imports = [];
  let workflows;
  let intercepting;
  if (isLazy) {
    workflows = `require(${path(file)})`;
    intercepting = interceptors.map((one) => `require(${path(one)})`);
  } else {
    imports.push(`import * as workflows from ${path(file)};`);
    interceptors.forEach((one, index) => imports.push(`import * as interceptors${index} from ${path(one)};`));
    workflows = 'workflows';
    intercepting = interceptors.map((_one, index) => `interceptors${index}`);
  }
  const flags = existsSync(join(library.folder, 'lib/flags.js')) ? '@temporalio/workflow/lib/flags' : './no-flags.js';
  return `
import './environment/install.js';
import './globals.js';
import './library-globals.js';
import * as api from '@temporalio/workflow/lib/worker-interface';
import * as flags from ${path(flags)};
${imports.join('\n')}
import { makeComponent } from './component.js';

const component = makeComponent({
  api,
  workflows: () => ${workflows},
  interceptors: () => [${intercepting.join(', ')}],
  flags: Object.values(flags.SdkFlags ?? {}).filter((flag) => flag.default).map((flag) => flag.id),
  failureTypes: ${JSON.stringify(settings.failureErrorTypes ?? [])},
  types: ${JSON.stringify(settings.types ?? [])},
  sdkVersion: ${JSON.stringify(library.version)},
});
export const { describe, run, answerQueries } = component;
`;
}

/** A module that package.json names: a file of the project, or a package. */
function moduleOf(project, name) {
  const file = resolve(project.folder, name);
  const found = [file, ...['.ts', '.js', '.mts', '.mjs', '.cts', '.cjs'].map((ending) => file + ending)].find(existsSync);
  return found ?? name;
}

/** The adapter uses the project's own copy of the library, and there is only that one. */
function oneLibrary(project) {
  const { library, common, long, settings } = project;
  const converters = {
    __temporal_custom_payload_converter: settings.payloadConverter,
    __temporal_custom_failure_converter: settings.failureConverter,
  };
  return {
    name: 'one-library',
    setup(build) {
      const own = (path) => ({ resolveDir: path, kind: 'require-call' });
      build.onResolve({ filter: /^@temporalio\/workflow(\/|$)/ }, ({ path, pluginData }) =>
        pluginData === 'own' ? undefined : build.resolve(inFolder(library.folder, path, '@temporalio/workflow'), { ...own(library.folder), pluginData: 'own' }),
      );
      build.onResolve({ filter: /^@temporalio\/common(\/|$)/ }, ({ path, pluginData }) =>
        pluginData === 'own' ? undefined : build.resolve(inFolder(common, path, '@temporalio/common'), { ...own(common), pluginData: 'own' }),
      );
      build.onResolve({ filter: /^long$/ }, ({ importer }) => (importer.startsWith(SOURCES) ? { path: long } : undefined));
      build.onResolve({ filter: /^__temporal_custom_(payload|failure)_converter$/ }, ({ path }) => {
        const named = converters[path];
        return named === undefined
          ? { path: join(SOURCES, 'no-converter.js') }
          : { path: resolvedModule(project, named) };
      });
    },
  };
}

/** `URL` is put in where code names it. */
function urlWhereUsed() {
  return {
    name: 'url-where-used',
    setup(build) {
      build.onResolve({ filter: /^whatwg-url$/ }, async ({ path, resolveDir, pluginData }) => {
        if (pluginData === 'own') return undefined;
        const found = await build.resolve(path, { resolveDir, kind: 'import-statement', pluginData: 'own' });
        return { ...found, sideEffects: false };
      });
      // It looks for the prototype of asynchronous iterators, which lowered code has not.
      build.onLoad({ filter: /whatwg-url[\\/]lib[\\/]utils\.js$/ }, ({ path }) => ({
        contents: readFileSync(path, 'utf8').replaceAll('async function* () {}', 'function* () {}'),
        loader: 'js',
      }));
    },
  };
}

function inFolder(folder, path, name) {
  return `./${path.slice(name.length + 1) || ''}`.replace(/\/$/, '') === '.' ? folder : join(folder, path.slice(name.length));
}

function resolvedModule(project, name) {
  const found = moduleOf(project, name);
  if (existsSync(found)) return found;
  throw new Mistake(`package.json: "mainspring" names ${name}, which is not there`);
}

/** esbuild's errors with file, line and the line itself. */
async function inWords(error, project) {
  if (!error.errors) return error;
  const lines = error.errors.map(({ text, location, notes }) => {
    const at = location
      ? `${relative(project.folder, resolve(project.folder, location.file))}:${location.line}:${location.column + 1}: `
      : '';
    const line = location ? `\n    ${location.lineText.trim()}` : '';
    const rest = notes.map((note) => `\n    ${note.text}`).join('');
    return `${at}${text}${line}${rest}`;
  });
  return new Mistake(lines.join('\n'));
}
