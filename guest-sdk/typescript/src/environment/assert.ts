// The `assert` that workflow code may import, as far as it makes sense there.

class AssertionError extends Error {
  override readonly name = 'AssertionError';
  readonly code = 'ERR_ASSERTION';

  constructor(
    message: unknown,
    readonly actual?: unknown,
    readonly expected?: unknown,
    readonly operator?: string,
  ) {
    super(String(message));
  }
}

function fail(message: unknown, standard: string, ...about: [unknown?, unknown?, string?]): never {
  if (message instanceof Error) throw message;
  throw new AssertionError(message ?? standard, ...about);
}

function assert(value: unknown, message?: unknown): asserts value {
  if (!value) fail(message, 'The expression evaluated to a falsy value', value, true, '==');
}

function show(value: unknown): string {
  if (typeof value === 'object' && value !== null) return JSON.stringify(value);
  return typeof value === 'string' ? JSON.stringify(value) : String(value);
}

function same(actual: unknown, expected: unknown, message?: unknown): void {
  if (Object.is(actual, expected)) return;
  fail(message, `Expected ${show(actual)} to be ${show(expected)}`, actual, expected, 'strictEqual');
}

function different(actual: unknown, expected: unknown, message?: unknown): void {
  if (!Object.is(actual, expected)) return;
  fail(message, `Expected something else than ${show(expected)}`, actual, expected, 'notStrictEqual');
}

function equals(left: unknown, right: unknown): boolean {
  if (Object.is(left, right)) return true;
  if (typeof left !== 'object' || typeof right !== 'object' || left === null || right === null) return false;
  if (Object.getPrototypeOf(left) !== Object.getPrototypeOf(right)) return false;
  if (left instanceof Date) return left.getTime() === (right as Date).getTime();
  if (left instanceof Map || left instanceof Set) return equals([...left], [...(right as Set<unknown>)]);
  const keys = Object.keys(left);
  if (keys.length !== Object.keys(right).length) return false;
  return keys.every((key) => key in right && equals((left as any)[key], (right as any)[key]));
}

function deepEqual(actual: unknown, expected: unknown, message?: unknown): void {
  if (equals(actual, expected)) return;
  fail(message, `Expected ${show(actual)} to equal ${show(expected)}`, actual, expected, 'deepStrictEqual');
}

function throws(act: () => unknown, message?: unknown): void {
  try {
    act();
  } catch {
    return;
  }
  fail(message, 'Missing expected exception', undefined, undefined, 'throws');
}

const members = {
  AssertionError,
  ok: assert,
  equal: same,
  strictEqual: same,
  notEqual: different,
  notStrictEqual: different,
  deepEqual,
  deepStrictEqual: deepEqual,
  throws,
  fail: (message?: unknown) => fail(message, 'Failed'),
};

export const assertModule: any = Object.assign(assert, members);
assertModule.strict = assertModule;
