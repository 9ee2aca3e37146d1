// What a component says about itself: a workflow type for each exported function.

import type { Options } from './component.js';

/** As the contract's `workflow-definition`. */
export interface Definition {
  workflowType: string;
  description: string;
  inputSchema: string | null;
  outputSchema: string | null;
  signals: Handler[];
  queries: Handler[];
  updates: Handler[];
  versioning: 'pinned' | 'auto-upgrade' | 'upgrade-on-continue-as-new';
  reads: 'rebuild' | 'trust';
}

interface Handler {
  name: string;
  description: string;
  inputSchema: string | null;
  outputSchema: string | null;
}

/** Handlers are set while a run goes on, so any name may be one. */
const ANY: Handler[] = [{ name: '', description: '', inputSchema: null, outputSchema: null }];
/** How an `async` function looks once it is lowered (tool/lowering.mjs). */
const LOWERED = /__async(Generator)?\(/;

export function definitions({ workflows, types }: Options): Definition[] {
  const exported = withActivator(workflows);
  const found: Definition[] = [];
  for (const [name, value] of Object.entries(exported)) {
    if (typeof value !== 'function' || !isWorkflow(name, value, types)) continue;
    found.push({
      // The default export takes every type that has no function of its own.
      workflowType: name === 'default' ? '' : name,
      description: '',
      inputSchema: null,
      outputSchema: null,
      signals: ANY,
      queries: ANY,
      updates: ANY,
      versioning: versioningOf(value),
      reads: 'rebuild',
    });
  }
  return found.sort((one, other) => (one.workflowType < other.workflowType ? -1 : 1));
}

function isWorkflow(name: string, value: Function, types: readonly string[]): boolean {
  return types.includes(name) || name === 'default' || hasOptions(value) || isAsync(value);
}

function isAsync(value: Function): boolean {
  const text = Function.prototype.toString.call(value);
  return !text.startsWith('class') && LOWERED.test(text);
}

/** `setWorkflowOptions` marks what is a workflow. */
function hasOptions(value: Function): boolean {
  return (value as any).workflowDefinitionOptions !== undefined;
}

function versioningOf(value: Function): Definition['versioning'] {
  const options = (value as any).workflowDefinitionOptions;
  // A function of options needs a run to be called in.
  const behavior = typeof options === 'object' ? options?.versioningBehavior : undefined;
  return behavior === 'AUTO_UPGRADE' ? 'auto-upgrade' : 'pinned';
}

/** Code whose top level needs a run gets an empty one: nothing of it is kept. */
function withActivator<T>(act: () => T): T {
  const world = globalThis as any;
  if (world.__TEMPORAL_ACTIVATOR__ !== undefined) return act();
  const zero = (): number => 0;
  world.__TEMPORAL_ACTIVATOR__ = { now: 0, random: zero, currentRandom: zero, info: { unsafe: {} }, nextSeqs: {} };
  try {
    return act();
  } finally {
    world.__TEMPORAL_ACTIVATOR__ = undefined;
  }
}
