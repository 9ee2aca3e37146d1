// Workflows in TypeScript, on the official library, inside components: each test on a
// server that keeps instances, and on one that drops each after every activation, so
// that every step there is a replay.

import { after, before, describe } from 'node:test';

import { basics } from './guests/basics.js';
import { examples } from './guests/examples.js';
import { messages } from './guests/messages.js';
import { cancellation, children, failures, properties } from './guests/others.js';
import { special } from './guests/special.js';
import { Built, GuestStage, SPECIAL } from './guests/stage.js';
import { stories, torture } from './guests/stories.js';

let built: Built;
let live: GuestStage;
let replayed: GuestStage;

describe('workflows in TypeScript', () => {
  before(async () => {
    built = await Built.make();
    const components = { guests: built.file };
    live = await GuestStage.set({ ...components, special: SPECIAL }, []);
    replayed = await GuestStage.set(components, ['--evict-after-each-activation']);
  });
  after(async () => {
    await live?.strike();
    await replayed?.strike();
    built?.remove();
  });
  for (const [name, stage] of [
    ['live', () => live],
    ['replayed at every step', () => replayed],
  ] as const) {
    describe(name, { concurrency: 6, timeout: 600_000 }, () => {
      basics(stage);
      messages(stage);
      cancellation(stage);
      failures(stage);
      children(stage);
      properties(stage);
      stories(stage);
      torture(stage);
    });
  }
  describe('with converters and interceptors', { timeout: 600_000 }, () => special(() => live));
  describe('the examples', { timeout: 600_000, concurrency: 3 }, () => examples(() => live));
});
