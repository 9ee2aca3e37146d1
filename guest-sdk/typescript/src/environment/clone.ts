// structuredClone: the library clones what goes to a sink.

const PLAIN_ERRORS = new Map<string, ErrorConstructor>(
  [Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError].map((one) => [one.name, one]),
);

export function structuredClone<T>(value: T): T {
  return clone(value, new Map()) as T;
}

function clone(value: unknown, seen: Map<object, unknown>): unknown {
  if (typeof value === 'function' || typeof value === 'symbol') {
    throw new Error(`DataCloneError: ${String(value)} could not be cloned.`);
  }
  if (typeof value !== 'object' || value === null) return value;
  if (seen.has(value)) return seen.get(value);
  const note = <C>(copy: C): C => {
    seen.set(value, copy);
    return copy;
  };
  if (value instanceof Date) return note(new Date(value.getTime()));
  if (value instanceof RegExp) return note(new RegExp(value.source, value.flags));
  if (value instanceof ArrayBuffer) return note(value.slice(0));
  if (ArrayBuffer.isView(value)) return note(cloneView(value));
  if (value instanceof Map) {
    const copy = note(new Map());
    for (const [key, one] of value) copy.set(clone(key, seen), clone(one, seen));
    return copy;
  }
  if (value instanceof Set) {
    const copy = note(new Set());
    for (const one of value) copy.add(clone(one, seen));
    return copy;
  }
  if (value instanceof Error) return cloneError(value, note, seen);
  const copy: any = note(Array.isArray(value) ? [] : {});
  for (const key of Object.keys(value)) copy[key] = clone((value as any)[key], seen);
  return copy;
}

function cloneView(view: ArrayBufferView): ArrayBufferView {
  const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength).slice();
  if (view instanceof DataView) return new DataView(bytes.buffer);
  return new (view.constructor as any)(bytes.buffer);
}

function cloneError(error: Error, note: <C>(copy: C) => C, seen: Map<object, unknown>): Error {
  const constructor = PLAIN_ERRORS.get(error.name) ?? Error;
  const copy = note(new constructor(error.message));
  if (error.stack !== undefined) copy.stack = error.stack;
  if ('cause' in error) copy.cause = clone(error.cause, seen);
  return copy;
}
