// AsyncLocalStorage: values that follow the code across `await`.

import { type Frame, currentFrame, enterFrame, inFrame } from './jobs.js';

let count = 0;

export class AsyncLocalStorage<T> {
  private readonly number = count++;

  getStore(): T | undefined {
    return currentFrame()[this.number] as T | undefined;
  }

  run<R, A extends unknown[]>(store: T | undefined, act: (...input: A) => R, ...input: A): R {
    return inFrame(this.with(store), () => act(...input));
  }

  exit<R, A extends unknown[]>(act: (...input: A) => R, ...input: A): R {
    return this.run(undefined, act, ...input);
  }

  enterWith(store: T | undefined): void {
    enterFrame(this.with(store));
  }

  disable(): void {
    this.enterWith(undefined);
  }

  static bind<A extends unknown[], R>(act: (...input: A) => R): (...input: A) => R {
    const frame = currentFrame();
    return function (this: unknown, ...input: A): R {
      return inFrame(frame, () => act.apply(this, input));
    };
  }

  static snapshot(): <A extends unknown[], R>(act: (...input: A) => R, ...input: A) => R {
    return AsyncLocalStorage.bind((act: any, ...input: any[]) => act(...input)) as any;
  }

  private with(store: T | undefined): Frame {
    const frame = currentFrame().slice();
    frame[this.number] = store;
    return frame;
  }
}
