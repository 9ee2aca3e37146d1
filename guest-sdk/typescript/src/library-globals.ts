// The library puts its clock, its timers and its randomness over the globals.

import { overrideGlobals } from '@temporalio/workflow/lib/global-overrides';

overrideGlobals();
