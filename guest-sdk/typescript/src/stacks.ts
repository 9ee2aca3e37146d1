// What the run waits for, for the queries `__stack_trace` and `__enhanced_stack_trace`.
//
// The library keeps a store of promises and their stacks that Node's promise hooks
// fill; here our own Promise does (environment/promise.ts). The stack is kept as the
// engine writes it and turned into places of the user's source when somebody asks.

import type { PromiseObserver } from './environment/promise.js';
import { formatFrames, userFrames } from './source-map.js';

interface Store {
  readonly childToParent: Map<object, Set<object>>;
  readonly promiseToStack: Map<object, unknown>;
}

const NO_PARENTS: Set<object> = new Set();

function store(): Store | undefined {
  return (globalThis as any).__TEMPORAL_ACTIVATOR__?.promiseStackStore;
}

class LazyStack {
  constructor(private readonly raw: string) {}

  get formatted(): string {
    return formatFrames(userFrames(this.raw));
  }

  get structured(): object[] {
    return userFrames(this.raw).map(({ file, line, column, name }) => ({
      file_path: file,
      function_name: name === '' ? undefined : name,
      line,
      column,
      internal_code: false,
    }));
  }
}

export const stackObserver: PromiseObserver = {
  pending(promise) {
    const known = store();
    if (known === undefined) return;
    known.childToParent.set(promise, NO_PARENTS);
    known.promiseToStack.set(promise, new LazyStack(new Error().stack ?? ''));
  },
  settled(promise) {
    const known = store();
    if (known === undefined || !known.childToParent.delete(promise)) return;
    known.promiseToStack.delete(promise);
  },
};
