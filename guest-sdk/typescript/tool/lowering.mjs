// `async` functions, asynchronous generators and `for await` as plain generators.
//
// An export of a component runs no promise job of the engine (src/environment/jobs.ts),
// so the code must not make promises of the engine's own, and only syntax makes them.

/** For esbuild. */
export const LOWERING = {
  target: 'esnext',
  supported: { 'async-await': false, 'async-generator': false, 'for-await': false },
};

const HELPERS = [
  // A call of our own driver, which makes no closures at each step.
  [
    '__async',
    /^( *)var __async = \(__this, __arguments, generator\) => \{[\s\S]*?\n\1\};/m,
    'var __async = (self, input, body) => __mainspringAsync(body.apply(self, input));',
  ],
  [
    '__await',
    /^( *)var __await = function\(promise, isYieldStar\) \{[\s\S]*?\n\1\};/m,
    'var __await = function(value) { return new __mainspringAwaited(value); };',
  ],
  [
    '__asyncGenerator',
    /^( *)var __asyncGenerator = \(__this, __arguments, generator\) => \{[\s\S]*?\n\1\};/m,
    'var __asyncGenerator = (self, input, body) => __mainspringAsyncGenerator(body.apply(self, input));',
  ],
  [
    '__yieldStar',
    /^( *)var __yieldStar = \(value\) => \{[\s\S]*?\n\1\};/m,
    'var __yieldStar = (value) => __mainspringDelegate(value);',
  ],
];

/** Puts our drivers where esbuild put its helpers; line numbers stay. */
export function withOurHelpers(code) {
  let changed = code;
  for (const [name, pattern, ours] of HELPERS) {
    if (!changed.includes(`${name}(`)) continue;
    if (!pattern.test(changed)) throw new Error(`esbuild's helper ${name} looks different from what was expected`);
    changed = changed.replace(pattern, (helper) => ours + '\n'.repeat(helper.split('\n').length - 1));
  }
  return changed;
}
