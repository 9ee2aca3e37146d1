// What others see of a run: search attributes, memo, logs.

import {
  log,
  metricMeter,
  proxySinks,
  sleep,
  upsertMemo,
  upsertSearchAttributes,
  workflowInfo,
  type Sinks,
} from '@temporalio/workflow';

export async function changesAttributes(): Promise<unknown[]> {
  upsertSearchAttributes({ CustomKeywordField: ['first'], CustomIntField: [1] });
  await sleep(1);
  upsertSearchAttributes({ CustomKeywordField: ['second'], CustomIntField: [] });
  const { searchAttributes } = workflowInfo();
  return [searchAttributes['CustomKeywordField'], searchAttributes['CustomIntField'] ?? 'gone'];
}

export async function changesMemo(): Promise<unknown> {
  upsertMemo({ color: 'red', count: 1, gone: 'soon' });
  await sleep(1);
  upsertMemo({ count: { nested: [1, 2] }, gone: null });
  return workflowInfo().memo;
}

interface Alerts extends Sinks {
  alerter: { alert(message: string): void };
}
const { alerter } = proxySinks<Alerts>();

export async function talks(): Promise<string> {
  log.info('hello from the workflow', { order: 7 });
  log.warn('careful');
  console.log('plain words', { a: 1 });
  alerter.alert('something happened');
  metricMeter.createCounter('orders').add(1, { kind: 'test' });
  await sleep(1);
  log.debug('done');
  return 'said';
}
