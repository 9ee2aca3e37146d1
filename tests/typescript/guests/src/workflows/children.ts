// Other runs: children, signals and cancels of runs, continue-as-new.

import {
  ChildWorkflowCancellationType,
  ChildWorkflowFailure,
  CancellationScope,
  condition,
  continueAsNew,
  defineSignal,
  executeChild,
  getExternalWorkflowHandle,
  isCancellation,
  makeContinueAsNewFunc,
  ParentClosePolicy,
  setHandler,
  sleep,
  startChild,
  workflowInfo,
  ApplicationFailure,
} from '@temporalio/workflow';
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';

export const word = defineSignal<[string]>('word');

export async function child(name: string): Promise<string> {
  return `child ${name} of ${workflowInfo().parent?.workflowId !== undefined}`;
}

export async function listens(): Promise<string> {
  let heard = '';
  setHandler(word, (said) => {
    heard = said;
  });
  await condition(() => heard !== '');
  return heard;
}

export async function failingChild(): Promise<void> {
  throw ApplicationFailure.nonRetryable('the child gave up', 'GaveUp', { why: 'tired' });
}

export async function waits(): Promise<string> {
  await sleep('1 day');
  return 'never';
}

export async function parent(names: string[]): Promise<string[]> {
  return await Promise.all(names.map((name) => executeChild(child, { args: [name] })));
}

export async function parentOfFailing(): Promise<unknown[]> {
  try {
    await executeChild(failingChild);
    return [];
  } catch (error) {
    if (!(error instanceof ChildWorkflowFailure)) throw error;
    const cause = error.cause as ApplicationFailure;
    return [error.workflowType, cause.name, cause.message, cause.type, cause.details];
  }
}

export async function signalsChild(): Promise<string> {
  const handle = await startChild(listens, { workflowId: `${workflowInfo().workflowId}/listener` });
  await handle.signal(word, 'from the parent');
  return await handle.result();
}

export async function signalsAnother(workflowId: string): Promise<void> {
  await getExternalWorkflowHandle(workflowId).signal(word, 'from outside');
}

export async function signalsNobody(): Promise<string> {
  try {
    await getExternalWorkflowHandle('nobody-has-this-id').signal(word, 'x');
    return 'never';
  } catch (error) {
    return (error as Error).message;
  }
}

export async function cancelsAnother(workflowId: string): Promise<void> {
  await getExternalWorkflowHandle(workflowId).cancel();
}

export async function sameChildTwice(): Promise<string> {
  const workflowId = `${workflowInfo().workflowId}/twin`;
  const first = await startChild(waits, { workflowId, parentClosePolicy: ParentClosePolicy.TERMINATE });
  try {
    await startChild(waits, { workflowId });
    return 'never';
  } catch (error) {
    return error instanceof WorkflowExecutionAlreadyStartedError
      ? `${error.workflowType} is there, ${first.workflowId === error.workflowId}`
      : `${error}`;
  }
}

export async function cancelsChild(): Promise<unknown[]> {
  const scope = new CancellationScope();
  const result = scope.run(() =>
    executeChild(waits, { cancellationType: ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED }),
  );
  await sleep(50);
  scope.cancel();
  try {
    return [await result];
  } catch (error) {
    return [(error as Error).name, isCancellation(error)];
  }
}

export async function noSuchChild(): Promise<string> {
  try {
    return await executeChild('noComponentHasThisType');
  } catch (error) {
    return `${(error as Error).name}: ${(error as any).cause?.type ?? (error as any).type}`;
  }
}

export async function loops(left: number, total = 0): Promise<string> {
  await sleep(1);
  if (left === 0) return `${total} after ${workflowInfo().continuedFromExecutionRunId !== undefined}`;
  return await continueAsNew<typeof loops>(left - 1, total + left);
}

export async function becomes(name: string): Promise<never> {
  const next = makeContinueAsNewFunc<typeof child>({ workflowType: 'child', memo: { from: 'becomes' } });
  return await next(name);
}
