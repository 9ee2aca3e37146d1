// What workflow code may import: nothing that reaches outside the run.

import { builtinModules } from 'node:module';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const OVERRIDES = resolve(dirname(fileURLToPath(import.meta.url)), '../src/modules');
/** Modules of Node that have a meaning in a workflow. */
const ALLOWED = new Set(['assert', 'url', 'util', 'assert/strict']);
/** Parts of the SDK for workers and clients. */
const OUTSIDE = [
  '@temporalio/activity',
  '@temporalio/client',
  '@temporalio/worker',
  '@temporalio/testing',
  '@temporalio/core-bridge',
  '@temporalio/common/lib/internal-non-workflow',
  '@temporalio/interceptors-opentelemetry/lib/client',
  '@temporalio/interceptors-opentelemetry/lib/worker',
];
const REASONS = [
  [/^(fs|path)(\/|$)/, 'a workflow cannot touch files: read or write them in an activity'],
  [/^(net|http|https|http2|tls|dgram|dns)(\/|$)/, 'a workflow cannot use the network: make the call in an activity'],
  [/^(child_process|cluster|worker_threads)(\/|$)/, 'a workflow cannot start processes or threads: do it in an activity'],
  [/^(crypto)(\/|$)/, 'use `uuid4` of @temporalio/workflow for IDs, which is the same in replay; hash and encrypt in an activity'],
  [/^(timers)(\/|$)/, 'use `sleep` of @temporalio/workflow, which is durable'],
  [/^(os|process)(\/|$)/, 'a workflow does not know its machine: pass the value in its input'],
  [/^@temporalio\//, 'it belongs to workers and clients; import types with `import type`, and activities through `proxyActivities`'],
];
const OTHERWISE = 'it has no meaning in a workflow: use it in an activity';

function reasonFor(name) {
  return REASONS.find(([pattern]) => pattern.test(name))?.[1] ?? OTHERWISE;
}

function matches(name, modules) {
  return modules.some((one) => name === one || name.startsWith(`${one}/`));
}

/** @param {import('./project.mjs').Project} project */
export function onlyWhatAWorkflowMayImport(project) {
  const ignored = project.settings.ignoreModules ?? [];
  const builtin = new Set(builtinModules);
  return {
    name: 'only-what-a-workflow-may-import',
    setup(build) {
      build.onResolve({ filter: /^[^./]/ }, ({ path, importer, kind, pluginData }) => {
        if (pluginData === 'own' || kind === 'entry-point') return undefined;
        const name = path.replace(/^node:/, '');
        if (matches(name, ignored)) return { path: join(OVERRIDES, 'ignored.js') };
        if (ALLOWED.has(name)) return { path: join(OVERRIDES, `${name.split('/')[0]}.js`) };
        if (!builtin.has(name) && !matches(name, OUTSIDE)) return undefined;
        if (isOptional(importer, name)) return { path: join(OVERRIDES, 'ignored.js') };
        const from = relative(project.folder, importer);
        const library = from.includes('node_modules') ? ` (imported by a library, ${from})` : '';
        return { errors: [{ text: `workflow code imports ${JSON.stringify(path)}${library}: ${reasonFor(name)}` }] };
      });
    },
  };
}

/** protobufjs asks for files and does without. */
function isOptional(importer, name) {
  return (name === 'fs' || name === 'buffer') && /[\\/]@?protobufjs[\\/]/.test(importer);
}
