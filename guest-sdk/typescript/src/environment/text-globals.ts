// TextEncoder and TextDecoder as globals, by themselves: url.ts needs them before
// everything else.

import { TextDecoder, TextEncoder } from './text.js';

for (const [name, value] of Object.entries({ TextDecoder, TextEncoder })) {
  Object.defineProperty(globalThis, name, { value, writable: true, configurable: true });
}
