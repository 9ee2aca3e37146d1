// Promise as ECMAScript defines it, tick for tick, on the queue of jobs.ts.
//
// The order in which jobs run decides the order of a workflow's commands, so it must
// be the one of Node: test/parity compares random programs. `async` functions are
// lowered to generators when a component is built; `runAsync` drives them.

import { type Frame, type Job, currentFrame, enqueue, enterFrame } from './jobs.js';

type Handler = (value: any) => unknown;

const enum State {
  Pending,
  Fulfilled,
  Rejected,
}

/** Where a promise that something waits for is told of. */
export interface PromiseObserver {
  /** It was made by `new Promise` and did not settle on the spot. */
  pending(promise: object): void;
  settled(promise: object): void;
}

let observer: PromiseObserver | undefined;
const unhandled = new Set<HostedPromise>();
const UNSTARTED = (): void => {};

export function observePromises(by: PromiseObserver | undefined): void {
  observer = by;
}

/** The reason of the first rejection that nobody handles, if there is one. Forgets all. */
export function takeUnhandledRejection(): { reason: unknown } | undefined {
  for (const promise of unhandled) {
    unhandled.clear();
    return { reason: promise.outcome() };
  }
  return undefined;
}

/** One `then`: what to do, and whom to tell. */
class Reaction implements Job {
  private settledAs = State.Pending;
  private value: unknown;

  constructor(
    private readonly onFulfilled: Handler | undefined,
    private readonly onRejected: Handler | undefined,
    private readonly derived: Capability | undefined,
    private readonly frame: Frame,
  ) {}

  ready(state: State, value: unknown): void {
    this.settledAs = state;
    this.value = value;
    enqueue(this);
  }

  run(): void {
    const fulfilled = this.settledAs === State.Fulfilled;
    const handler = fulfilled ? this.onFulfilled : this.onRejected;
    const { derived, value } = this;
    if (handler === undefined) {
      if (fulfilled) derived?.resolve(value);
      else derived?.reject(value);
      return;
    }
    enterFrame(this.frame);
    let result: unknown;
    try {
      result = handler(value);
    } catch (error) {
      derived?.reject(error);
      return;
    }
    derived?.resolve(result);
  }
}

/** A promise was resolved with a thenable: its `then` is called a tick later. */
class Adoption implements Job {
  constructor(
    private readonly promise: HostedPromise,
    private readonly thenable: object,
    private readonly then: Handler,
    private readonly frame: Frame,
  ) {}

  run(): void {
    enterFrame(this.frame);
    const once = new Once(this.promise);
    try {
      (this.then as any).call(this.thenable, once.resolve, once.reject);
    } catch (error) {
      once.reject(error);
    }
  }
}

/** The two functions that an executor gets: the first call counts. */
class Once {
  private done = false;

  constructor(private readonly promise: HostedPromise) {}

  readonly resolve = (value?: unknown): void => {
    if (this.done) return;
    this.done = true;
    this.promise.adopt(value);
  };

  readonly reject = (reason?: unknown): void => {
    if (this.done) return;
    this.done = true;
    this.promise.settle(State.Rejected, reason);
  };
}

/** Whom a reaction tells: a promise of ours, or one of a class derived from it. */
interface Capability {
  readonly promise: HostedPromise;
  resolve(value: unknown): void;
  reject(reason: unknown): void;
}

class Own implements Capability {
  constructor(readonly promise: HostedPromise) {}

  resolve(value: unknown): void {
    this.promise.adopt(value);
  }

  reject(reason: unknown): void {
    this.promise.settle(State.Rejected, reason);
  }
}

function capability(constructor: any): Capability {
  if (constructor === HostedPromise) return new Own(new HostedPromise(UNSTARTED));
  if (typeof constructor !== 'function') throw new TypeError('not a constructor of promises');
  let resolve: Handler | undefined;
  let reject: Handler | undefined;
  const promise = new constructor((onResolve: Handler, onReject: Handler) => {
    resolve = onResolve;
    reject = onReject;
  });
  if (typeof resolve !== 'function' || typeof reject !== 'function') {
    throw new TypeError('the executor did not get two functions');
  }
  return { promise, resolve, reject };
}

/** The class of promises that derived ones are made with. */
function speciesOf(promise: HostedPromise): any {
  const { constructor } = promise;
  if (constructor === HostedPromise || constructor === undefined) return HostedPromise;
  return (constructor as any)[Symbol.species] ?? HostedPromise;
}

export class HostedPromise {
  // Not seen by who looks at its properties, as with the engine's own.
  #state = State.Pending;
  #value: unknown = undefined;
  #reactions: Reaction[] | undefined = undefined;
  #handled = false;

  constructor(executor: (resolve: Handler, reject: Handler) => void) {
    if (executor === UNSTARTED) return;
    if (typeof executor !== 'function') {
      throw new TypeError(`Promise resolver ${String(executor)} is not a function`);
    }
    const once = new Once(this);
    try {
      executor(once.resolve, once.reject);
    } catch (error) {
      once.reject(error);
    }
    if (this.#state === State.Pending) observer?.pending(this);
  }

  /** @internal The value or the reason that it settled with. */
  outcome(): unknown {
    return this.#value;
  }

  /** @internal Settles, unless that is done. */
  settle(state: State, value: unknown): void {
    if (this.#state !== State.Pending) return;
    const reactions = this.#reactions;
    this.#state = state;
    this.#value = value;
    this.#reactions = undefined;
    observer?.settled(this);
    if (state === State.Rejected && !this.#handled) unhandled.add(this);
    if (reactions === undefined) return;
    for (const reaction of reactions) reaction.ready(state, value);
  }

  /** @internal Fulfils with a value, or follows it if it is a thenable. */
  adopt(value: unknown): void {
    if (this.#state !== State.Pending) return;
    if (value === this) {
      this.settle(State.Rejected, new TypeError('Chaining cycle detected for promise #<Promise>'));
      return;
    }
    if (value === null || (typeof value !== 'object' && typeof value !== 'function')) {
      this.settle(State.Fulfilled, value);
      return;
    }
    let then: unknown;
    try {
      then = (value as any).then;
    } catch (error) {
      this.settle(State.Rejected, error);
      return;
    }
    if (typeof then !== 'function') this.settle(State.Fulfilled, value);
    else enqueue(new Adoption(this, value, then as Handler, currentFrame()));
  }

  /** @internal Adds a reaction; whoever adds one handles rejections. */
  react(reaction: Reaction): void {
    if (this.#state === State.Pending) (this.#reactions ??= []).push(reaction);
    else reaction.ready(this.#state, this.#value);
    if (this.#handled) return;
    this.#handled = true;
    if (this.#state === State.Rejected) unhandled.delete(this);
  }

  /** @internal What `await` does: nothing can see the promise that `then` would derive. */
  await(onFulfilled: Handler, onRejected: Handler): void {
    this.react(new Reaction(onFulfilled, onRejected, undefined, currentFrame()));
  }

  then(onFulfilled?: unknown, onRejected?: unknown): HostedPromise {
    const derived = capability(speciesOf(this));
    const handler = (given: unknown) => (typeof given === 'function' ? (given as Handler) : undefined);
    this.react(new Reaction(handler(onFulfilled), handler(onRejected), derived, currentFrame()));
    return derived.promise;
  }

  catch(onRejected?: unknown): HostedPromise {
    return this.then(undefined, onRejected);
  }

  finally(act?: unknown): HostedPromise {
    if (typeof act !== 'function') return this.then(act, act);
    const species = speciesOf(this);
    const after = (then: () => unknown) => resolveWith(species, act()).then(then);
    return this.then(
      (value: unknown) => after(() => value),
      (reason: unknown) =>
        after(() => {
          throw reason;
        }),
    );
  }

  static resolve(value?: unknown): HostedPromise {
    return resolveWith(this, value);
  }

  static reject(reason?: unknown): HostedPromise {
    const made = capability(this);
    made.reject(reason);
    return made.promise;
  }

  static withResolvers(): { promise: HostedPromise; resolve: Handler; reject: Handler } {
    let resolve!: Handler;
    let reject!: Handler;
    const promise = new this((onResolve, onReject) => {
      resolve = onResolve;
      reject = onReject;
    });
    return { promise, resolve, reject };
  }

  static try(act: (...input: any[]) => unknown, ...input: unknown[]): HostedPromise {
    return new this((resolve) => resolve(act(...input)));
  }

  static all(values: Iterable<unknown>): HostedPromise {
    return combine(this, values, (each, results, { resolve, reject }, finish) => {
      const { index, promise } = each;
      promise.then(once((value) => finish((results[index] = value), () => resolve(results))), reject);
      return () => resolve(results);
    });
  }

  static allSettled(values: Iterable<unknown>): HostedPromise {
    return combine(this, values, (each, results, { resolve }, finish) => {
      const { index, promise } = each;
      const done = () => resolve(results);
      let called = false;
      const note = (result: (value: unknown) => object) => (value: unknown) => {
        if (called) return;
        called = true;
        finish((results[index] = result(value)), done);
      };
      promise.then(
        note((value) => ({ status: 'fulfilled', value })),
        note((reason) => ({ status: 'rejected', reason })),
      );
      return done;
    });
  }

  static any(values: Iterable<unknown>): HostedPromise {
    return combine(this, values, (each, errors, { resolve, reject }, finish) => {
      const { index, promise } = each;
      const done = () => reject(new AggregateError(errors, 'All promises were rejected'));
      promise.then(
        resolve,
        once((reason) => finish((errors[index] = reason), done)),
      );
      return done;
    });
  }

  static race(values: Iterable<unknown>): HostedPromise {
    const made = capability(this);
    const { resolve, reject } = bound(made);
    try {
      for (const value of values) (this as any).resolve(value).then(resolve, reject);
    } catch (error) {
      made.reject(error);
    }
    return made.promise;
  }

  static get [Symbol.species](): unknown {
    return this;
  }

  get [Symbol.toStringTag](): string {
    return 'Promise';
  }
}

function resolveWith(constructor: any, value: unknown): HostedPromise {
  if (value instanceof HostedPromise && value.constructor === constructor) return value;
  const made = capability(constructor);
  made.resolve(value);
  return made.promise;
}

function once(act: Handler): Handler {
  let called = false;
  return (value) => {
    if (called) return;
    called = true;
    act(value);
  };
}

Object.defineProperty(HostedPromise, 'name', { value: 'Promise' });

interface Bound {
  resolve: Handler;
  reject: Handler;
}

/** Functions that, as an executor's, count once. */
function bound(made: Capability): Bound {
  if (made instanceof Own) return new Once(made.promise);
  return { resolve: (value) => made.resolve(value), reject: (reason) => made.reject(reason) };
}

interface Each {
  readonly index: number;
  readonly promise: any;
}

type Join = (
  each: Each,
  results: unknown[],
  whole: Bound,
  finish: (result: unknown, done: () => void) => void,
) => () => void;

/** What `all`, `allSettled` and `any` share: one result a value, told when the last is in. */
function combine(constructor: any, values: Iterable<unknown>, join: Join): HostedPromise {
  const made = capability(constructor);
  const whole = bound(made);
  const results: unknown[] = [];
  let left = 1;
  const finish = (_result: unknown, done: () => void): void => {
    left -= 1;
    if (left === 0) done();
  };
  try {
    const { resolve } = constructor;
    if (typeof resolve !== 'function') throw new TypeError('Promise resolve is not callable');
    let index = 0;
    let done: (() => void) | undefined;
    for (const value of values) {
      left += 1;
      results.push(undefined);
      const promise = resolve.call(constructor, value);
      done = join({ index, promise }, results, whole, finish);
      index += 1;
    }
    left -= 1;
    if (left === 0) {
      if (done !== undefined) done();
      else join({ index: 0, promise: { then() {} } }, results, whole, finish)();
    }
  } catch (error) {
    whole.reject(error);
  }
  return made.promise;
}

/** Drives the generator that an `async` function was lowered to. */
export function runAsync(body: Generator<unknown, unknown, unknown>): HostedPromise {
  const promise = new HostedPromise(UNSTARTED);
  const call = new AsyncCall(body, promise);
  call.step(State.Fulfilled, undefined);
  return promise;
}

class AsyncCall {
  private readonly onFulfilled = (value: unknown): void => this.step(State.Fulfilled, value);
  private readonly onRejected = (reason: unknown): void => this.step(State.Rejected, reason);

  constructor(
    private readonly body: Generator<unknown, unknown, unknown>,
    private readonly promise: HostedPromise,
  ) {}

  step(state: State, value: unknown): void {
    let step: IteratorResult<unknown, unknown>;
    try {
      step = state === State.Fulfilled ? this.body.next(value) : this.body.throw(value);
    } catch (error) {
      this.promise.settle(State.Rejected, error);
      return;
    }
    if (step.done) {
      this.promise.adopt(step.value);
      return;
    }
    let awaited: HostedPromise;
    try {
      awaited = resolveWith(HostedPromise, step.value);
    } catch (error) {
      this.step(State.Rejected, error);
      return;
    }
    awaited.await(this.onFulfilled, this.onRejected);
  }
}
