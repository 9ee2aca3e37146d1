// Asynchronous generators as ECMAScript defines them, driven from the plain generators
// that they are lowered to (tool/lowering.mjs).
//
// The body yields an `Awaited` for each `await`, and anything else for each `yield`.
//
// ```text
// start     + next            -> executing
// start     + return, throw   -> completed, then as below
// suspended + next, throw     -> executing
// suspended + return          -> executing, once the value is awaited
// executing + request         -> waits in the queue
// executing + body yields     -> the oldest request is answered; suspended, or on to the next
// executing + body ends       -> the oldest request is answered; completed
// completed + request         -> answered by itself, one after the other
// ```

import { HostedPromise } from './promise.js';

type Verb = 'next' | 'throw' | 'return';
type Settle = (value: unknown) => void;

interface Request {
  readonly verb: Verb;
  readonly value: unknown;
  readonly resolve: Settle;
  readonly reject: Settle;
}

const enum State {
  Start,
  Suspended,
  Executing,
  Completed,
}

/** What the body yields for an `await`; `delegates` marks the answers that `yield*` waits for. */
export class Awaited {
  constructor(
    readonly value: unknown,
    readonly delegates = false,
  ) {}
}

type Body = Generator<unknown, unknown, unknown>;

class AsyncGenerator {
  readonly #body: Body;
  readonly #queue: Request[] = [];
  #state = State.Start;

  constructor(body: Body) {
    this.#body = body;
  }

  next(value?: unknown): HostedPromise {
    return this.#enqueue('next', value);
  }

  throw(error?: unknown): HostedPromise {
    return this.#enqueue('throw', error);
  }

  return(value?: unknown): HostedPromise {
    return this.#enqueue('return', value);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  get [Symbol.toStringTag](): string {
    return 'AsyncGenerator';
  }

  #enqueue(verb: Verb, value: unknown): HostedPromise {
    return new HostedPromise((resolve, reject) => {
      this.#queue.push({ verb, value, resolve, reject });
      if (this.#state === State.Executing) return;
      if (this.#state === State.Start && verb !== 'next') this.#state = State.Completed;
      if (this.#state === State.Completed) this.#drain();
      else this.#resume();
    });
  }

  /** Goes on for the oldest request. */
  #resume(): void {
    const { verb, value } = this.#queue[0]!;
    this.#state = State.Executing;
    if (verb !== 'return') {
      this.#step(verb, value);
      return;
    }
    waitFor(
      value,
      (awaited) => this.#step('return', awaited),
      (error) => this.#step('throw', error),
    );
  }

  #step(verb: Verb, value: unknown, delegated = false): void {
    let step: IteratorResult<unknown, unknown>;
    try {
      step = this.#body[verb](value as never);
    } catch (error) {
      this.#end((request) => request.reject(error));
      return;
    }
    const given = step.value;
    if (step.done) {
      this.#finish(given);
    } else if (given instanceof Awaited) {
      this.#await(given);
    } else if (delegated) {
      // `yield*` passes on what the other one gave, without waiting for it.
      this.#yield(given);
    } else {
      waitFor(
        given,
        (awaited) => this.#yield(awaited),
        (error) => this.#step('throw', error),
      );
    }
  }

  #await({ value, delegates }: Awaited): void {
    waitFor(
      value,
      (awaited) => this.#step('next', awaited, delegates && !(awaited as any)?.done),
      (error) => this.#step('throw', error),
    );
  }

  #yield(value: unknown): void {
    this.#queue.shift()!.resolve({ value, done: false });
    if (this.#queue.length > 0) this.#resume();
    else this.#state = State.Suspended;
  }

  /** The body returned. A `return` with a value waits for it. */
  #finish(value: unknown): void {
    const done = (result: unknown) => this.#end((request) => request.resolve({ value: result, done: true }));
    if (value === undefined || this.#queue[0]!.verb === 'return') done(value);
    else waitFor(value, done, (error) => this.#end((request) => request.reject(error)));
  }

  #end(answer: (request: Request) => void): void {
    this.#state = State.Completed;
    answer(this.#queue.shift()!);
    this.#drain();
  }

  /** Requests after the end. */
  #drain(): void {
    while (this.#queue.length > 0) {
      const { verb, value, resolve, reject } = this.#queue[0]!;
      if (verb === 'return') {
        this.#state = State.Executing;
        waitFor(
          value,
          (awaited) => this.#end((request) => request.resolve({ value: awaited, done: true })),
          (error) => this.#end((request) => request.reject(error)),
        );
        return;
      }
      this.#queue.shift();
      if (verb === 'throw') reject(value);
      else resolve({ value: undefined, done: true });
    }
  }
}

function waitFor(value: unknown, then: Settle, failed: Settle): void {
  let promise: HostedPromise;
  try {
    promise = HostedPromise.resolve(value);
  } catch (error) {
    failed(error);
    return;
  }
  promise.await(then, failed);
}

export function makeAsyncGenerator(body: Body): object {
  return new AsyncGenerator(body);
}

/** The iterator that the body's own `yield*` steps through, for what `yield*` was given. */
export function delegate(iterable: any): object {
  const iterator: any = asyncIteratorOf(iterable);
  let isAnswer = false;
  const method = (verb: Verb) => (value: unknown) => {
    // First the answer is asked for and awaited; then it comes back to be passed on.
    if (!isAnswer) {
      isAnswer = true;
      return { done: false, value: new Awaited(iterator[verb](value), true) };
    }
    isAnswer = false;
    if (verb === 'throw') throw value;
    if (typeof value !== 'object' || value === null) throw new TypeError('Iterator result is not an object');
    return value;
  };
  return {
    [Symbol.iterator]() {
      return this;
    },
    next: method('next'),
    ...('throw' in iterator ? { throw: method('throw') } : {}),
    ...('return' in iterator ? { return: method('return') } : {}),
  };
}

function asyncIteratorOf(iterable: any): object {
  const own = iterable[Symbol.asyncIterator];
  if (own != null) return own.call(iterable);
  const iterator = iterable[Symbol.iterator]();
  const method = (verb: Verb) => (input: unknown) =>
    new HostedPromise((resolve, reject) => {
      const { value, done } = iterator[verb](input);
      HostedPromise.resolve(value).await((one) => resolve({ value: one, done }), reject);
    });
  return {
    next: method('next'),
    ...('throw' in iterator ? { throw: method('throw') } : {}),
    ...('return' in iterator ? { return: method('return') } : {}),
  };
}
