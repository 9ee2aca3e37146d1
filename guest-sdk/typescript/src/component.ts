// The component's exports: `describe`, `run` and `answer-queries`.

import type * as api from '@temporalio/workflow/lib/worker-interface';
import info from 'mainspring:workflow/info@1.0.0';
import type { Payload } from 'mainspring:workflow/types@1.0.0';

import type { RunOutcome } from './commands.js';
import { type Definition, definitions } from './describe.js';
import { observePromises } from './environment/promise.js';
import { lastWords } from './log.js';
import { Run } from './run.js';
import { stackObserver } from './stacks.js';

export interface Component {
  describe(): {
    workflows: Definition[];
    sdkName: string;
    sdkVersion: string;
    language: string;
  };
  run(workflowType: string, input: Payload[]): RunOutcome;
  answerQueries(): void;
}

export interface Options {
  readonly api: typeof api;
  readonly workflows: () => Record<string, unknown>;
  readonly interceptors: () => { interceptors: any }[];
  readonly flags: readonly number[];
  /** Errors that fail a run instead of blocking it, by the names of their classes. */
  readonly failureTypes: readonly string[];
  /** Exports that are workflow types though they are not `async`. */
  readonly types: readonly string[];
  readonly sdkVersion: string;
}

export function makeComponent(options: Options): Component {
  // The library finds the user's code by this name, as in Temporal's bundles.
  (globalThis as any).__TEMPORAL__ = {
    api: options.api,
    importWorkflows: options.workflows,
    importInterceptors: options.interceptors,
  };
  observePromises(stackObserver);
  let run: Run | undefined;
  return {
    describe: guarded(() => ({
      workflows: definitions(options),
      sdkName: '@temporalio/workflow',
      sdkVersion: options.sdkVersion,
      language: 'typescript',
    })),
    run: guarded((_workflowType: string, input: Payload[]) => {
      run = new Run(options, info.run(), input);
      return run.toEnd();
    }),
    answerQueries: guarded(() => run?.answerAll()),
  };
}

/** An error that leaves an export traps; before that it says what it was. */
function guarded<A extends unknown[], R>(act: (...input: A) => R): (...input: A) => R {
  return (...input) => {
    try {
      return act(...input);
    } catch (error) {
      lastWords(error);
      throw error;
    }
  };
}
