// AbortController and what it stands on, as far as code without a network uses them.

type Listener = ((event: Event) => void) | { handleEvent(event: Event): void };

interface Listening {
  readonly listener: Listener;
  readonly once: boolean;
}

export class Event {
  target: EventTarget | null = null;
  defaultPrevented = false;

  constructor(readonly type: string) {}

  preventDefault(): void {
    this.defaultPrevented = true;
  }
}

export class EventTarget {
  readonly #listeners = new Map<string, Listening[]>();

  addEventListener(type: string, listener: Listener | null, options?: boolean | { once?: boolean }): void {
    if (listener === null) return;
    const known = this.#listeners.get(type) ?? [];
    if (known.some((one) => one.listener === listener)) return;
    const once = typeof options === 'object' && options.once === true;
    this.#listeners.set(type, [...known, { listener, once }]);
  }

  removeEventListener(type: string, listener: Listener | null): void {
    const known = this.#listeners.get(type) ?? [];
    this.#listeners.set(
      type,
      known.filter((one) => one.listener !== listener),
    );
  }

  dispatchEvent(event: Event): boolean {
    event.target = this;
    for (const { listener, once } of this.#listeners.get(event.type) ?? []) {
      if (once) this.removeEventListener(event.type, listener);
      if (typeof listener === 'function') listener.call(this, event);
      else listener.handleEvent(event);
    }
    return !event.defaultPrevented;
  }
}

/** The error of an abort without a reason. */
export class DOMException extends Error {
  constructor(message = '', name = 'Error') {
    super(message);
    this.name = name;
  }
}

export class AbortSignal extends EventTarget {
  #reason: unknown = undefined;
  #aborted = false;
  onabort: ((event: Event) => void) | null = null;

  get aborted(): boolean {
    return this.#aborted;
  }

  get reason(): unknown {
    return this.#reason;
  }

  throwIfAborted(): void {
    if (this.#aborted) throw this.#reason;
  }

  /** @internal */
  raise(reason: unknown): void {
    if (this.#aborted) return;
    this.#aborted = true;
    this.#reason = reason ?? new DOMException('This operation was aborted', 'AbortError');
    const event = new Event('abort');
    this.onabort?.(event);
    this.dispatchEvent(event);
  }

  static abort(reason?: unknown): AbortSignal {
    const signal = new AbortSignal();
    signal.raise(reason);
    return signal;
  }

  static any(signals: Iterable<AbortSignal>): AbortSignal {
    const joined = new AbortSignal();
    for (const signal of signals) {
      if (signal.aborted) joined.raise(signal.reason);
      else signal.addEventListener('abort', () => joined.raise(signal.reason), { once: true });
    }
    return joined;
  }
}

export class AbortController {
  readonly signal = new AbortSignal();

  abort(reason?: unknown): void {
    this.signal.raise(reason);
  }
}
