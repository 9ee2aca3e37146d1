// Globals that need the host.

import { consoleModule } from './log.js';

Object.defineProperty(globalThis, 'console', { value: consoleModule, writable: true, configurable: true });
