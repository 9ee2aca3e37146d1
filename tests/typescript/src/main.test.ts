// All tests over one server, many at the same time.

import { after, before, describe } from 'node:test';

import { activities } from './activities.js';
import { polls } from './polls.js';
import { Stage } from './stage.js';
import { workflows } from './workflows.js';

let stage: Stage;
const here = (): Stage => stage;

describe('the official TypeScript SDK', { concurrency: 8 }, () => {
  before(async () => {
    stage = await Stage.set();
  });
  after(async () => {
    await stage?.strike();
  });
  workflows(here);
  activities(here);
  polls(here);
});
