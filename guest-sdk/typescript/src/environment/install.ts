// The globals that workflow code finds, besides those of the language. Imported
// before everything else of a component.

import { AbortController, AbortSignal, DOMException, Event, EventTarget } from './abort.js';
import { assertModule } from './assert.js';
import { AsyncLocalStorage } from './async-context.js';
import { structuredClone } from './clone.js';
import { Awaited, delegate, makeAsyncGenerator } from './generators.js';
import { hostDate, hostRandom } from './sources.js';
import { HostedPromise, runAsync } from './promise.js';
import './text-globals.js';

const world = globalThis as any;

/** Nothing in a workflow may depend on when memory is collected, or on another thread. */
const ABSENT = ['performance', 'SharedArrayBuffer', 'Atomics'];

function define(name: string, value: unknown): void {
  Object.defineProperty(world, name, { value, writable: true, configurable: true, enumerable: false });
}

for (const name of ABSENT) delete world[name];
define('Promise', HostedPromise);
// What lowered code calls (tool/lowering.mjs).
define('__mainspringAsync', runAsync);
define('__mainspringAsyncGenerator', makeAsyncGenerator);
define('__mainspringAwaited', Awaited);
define('__mainspringDelegate', delegate);
define('AsyncLocalStorage', AsyncLocalStorage);
define('AbortController', AbortController);
define('AbortSignal', AbortSignal);
define('DOMException', DOMException);
define('Event', Event);
define('EventTarget', EventTarget);
define('structuredClone', structuredClone);
define('assert', assertModule);
define('Date', hostDate(world.Date));
Math.random = hostRandom;
for (const [name, key] of [
  ['dispose', 'nodejs.dispose'],
  ['asyncDispose', 'nodejs.asyncDispose'],
] as const) {
  if (typeof (Symbol as any)[name] !== 'symbol') {
    Object.defineProperty(Symbol, name, { value: Symbol.for(key), writable: false });
  }
}
