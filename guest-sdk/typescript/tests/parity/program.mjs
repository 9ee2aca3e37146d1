// Random programs of promises: the log of one must not depend on whose promises they are.

/** A stream of numbers from a seed. */
export function lots(seed) {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return (state >> 8) % below;
  };
}

const thenable = (value) => ({
  then(resolve) {
    resolve(value);
  },
});

async function same(value) {
  return value;
}

async function* count(to) {
  for (let index = 0; index < to; index++) {
    await null;
    yield index;
  }
}

async function* nested(to) {
  yield* count(to);
  yield same('end');
}

/**
 * Runs one program; `outside` gives a promise that the driver settles some time.
 * @param {number} seed
 * @param {() => Promise<unknown>} outside
 * @param {boolean} generates Whether asynchronous generators are used.
 */
export async function program(seed, outside, generates) {
  const lot = lots(seed);
  const log = [];
  const steps = [
    () => null,
    () => Promise.resolve(1),
    () => same(same(1)),
    () => thenable(Promise.resolve(3)),
    () => new Promise((resolve) => resolve(same(2))),
    () => Promise.all([same(1), null, thenable(2)]),
    () => Promise.race([same(1), null]),
    () => Promise.allSettled([same(1), Promise.reject(new Error('x'))]),
    () => Promise.any([Promise.reject(new Error('y')), same(4)]),
    () => Promise.reject(new Error('z')),
    () => same(1).finally(() => same(2)),
    () =>
      same(1)
        .then(() => {
          throw new Error('t');
        })
        .catch(() => Promise.resolve(9)),
    () => new Promise((_resolve, reject) => reject(new Error('r'))).then(null, () => same(5)),
    () => Promise.all([]),
    () => Promise.any([]),
    () => Promise.try(() => same(6)),
    () => outside(),
    () => Promise.race([outside(), outside()]),
    () => Promise.all([outside(), same(1), outside()]),
    () => Promise.allSettled([outside(), outside()]),
    () => outside().finally(() => outside()),
    () => new Promise((resolve) => resolve(outside())),
    () => Promise.reject(new Error('f')).finally(() => thenable(1)),
    () => same(thenable(same(thenable(1)))),
  ];
  async function walk(id, depth) {
    for (let step = 0; step < 6; step++) {
      log.push(`${id}.${step}`);
      try {
        const pick = lot(steps.length + 4);
        if (pick < steps.length) log.push(`${id}=${JSON.stringify(await steps[pick]())}`);
        else if (pick === steps.length && depth < 2) await walk(id * 10, depth + 1);
        else if (pick === steps.length + 1) void steps[lot(steps.length)]().then(() => log.push(`${id}?`), () => log.push(`${id}!`));
        else if (generates && pick === steps.length + 2) for await (const one of count(2)) log.push(`${id}g${one}`);
        else if (generates) for await (const one of nested(2)) log.push(`${id}n${one}`);
      } catch (error) {
        log.push(`${id}!${error.message}`);
      } finally {
        if (lot(8) === 0) await null;
      }
    }
    return id;
  }
  await Promise.all([1, 2, 3, 4].map((id) => walk(id, 0)));
  return log.join(' ');
}
