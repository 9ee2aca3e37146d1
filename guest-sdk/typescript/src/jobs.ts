// Events of the host as jobs of an activation, in the order of Temporal's core.

import Long from 'long';
import type { HostEvent, Update } from 'mainspring:workflow/events@1.0.0';
import type { Failure, Outcome } from 'mainspring:workflow/types@1.0.0';

import { fromFailure } from './failures.js';
import type { Operation, Operations } from './operations.js';
import { fromPairs, fromPayloads } from './wire.js';

/** A job of `coresdk.workflow_activation`, with the name of its variant as the library wants it. */
export interface Job {
  readonly variant: string;
  readonly [variant: string]: any;
}

/** Core sorts the jobs of an activation by these; equal ones keep their order. */
const RANKS: Record<string, number> = {
  initializeWorkflow: 0,
  notifyHasPatch: 1,
  updateRandomSeed: 2,
  signalWorkflow: 3,
  doUpdate: 3,
};
const LAST = 4;

export function inCoreOrder(jobs: readonly Job[]): Job[] {
  const rank = (job: Job) => RANKS[job.variant] ?? LAST;
  return jobs.slice().sort((one, other) => rank(one) - rank(other));
}

export function job(variant: string, content: object): Job {
  return { variant, [variant]: content };
}

/** What an event is to the library; nothing for an answer that it does not wait for. */
export function toJob(event: HostEvent, operations: Operations): Job | undefined {
  switch (event.tag) {
    case 'signal': {
      const { name, input, headers, identity, eventId } = event.val;
      return job('signalWorkflow', {
        signalName: name,
        input: fromPayloads(input),
        headers: fromPairs(headers),
        identity,
        originatingEventId: Long.fromNumber(eventId),
      });
    }
    case 'cancel-requested':
      return job('cancelWorkflow', { reason: event.val });
    case 'random-seed-changed':
      return job('updateRandomSeed', { randomnessSeed: Long.fromNumber(event.val, true) });
    case 'update':
      return updateJob(event.val);
    case 'query': {
      const { id, name, arguments: input, headers } = event.val;
      return job('queryWorkflow', {
        queryId: id,
        queryType: name,
        arguments: fromPayloads(input),
        headers: fromPairs(headers),
      });
    }
    case 'started':
      return startedJob(event.val.handle, event.val.outcome.val, operations);
    case 'resolved': {
      const operation = operations.close(event.val.handle);
      return operation === undefined ? undefined : resolvedJob(operation, event.val.outcome);
    }
  }
}

function updateJob({ id, name, input, headers, identity, runValidator }: Update): Job {
  return job('doUpdate', {
    id,
    protocolInstanceId: id,
    name,
    input: fromPayloads(input),
    headers: fromPairs(headers),
    meta: { identity, updateId: id },
    runValidator,
  });
}

function startedJob(handle: number, runId: string, operations: Operations): Job | undefined {
  const operation = operations.get(handle);
  if (operation === undefined) return undefined;
  operation.started = true;
  return job('resolveChildWorkflowExecutionStart', { seq: operation.seq, succeeded: { runId } });
}

function resolvedJob(operation: Operation, outcome: Outcome): Job | undefined {
  const { kind, seq } = operation;
  switch (kind) {
    case 'timer':
      // The library rejects a cancelled timer by itself, at the cancel.
      return outcome.tag === 'success' ? job('fireTimer', { seq }) : undefined;
    case 'activity':
      return job('resolveActivity', { seq, result: result(outcome) });
    case 'child':
      if (operation.started) return job('resolveChildWorkflowExecution', { seq, result: result(outcome) });
      return job('resolveChildWorkflowExecutionStart', { seq, ...notStarted(operation, outcome) });
    case 'signal':
      return job('resolveSignalExternalWorkflow', { seq, ...refusal(outcome) });
    case 'cancel':
      return job('resolveRequestCancelExternalWorkflow', { seq, ...refusal(outcome) });
  }
}

function result(outcome: Outcome): object {
  switch (outcome.tag) {
    case 'success':
      return { completed: { result: fromPayloads(outcome.val)[0] } };
    case 'cancelled':
      return { cancelled: { failure: fromFailure(outcome.val) } };
    case 'failed':
    case 'timed-out':
      return { failed: { failure: fromFailure(outcome.val) } };
  }
}

function notStarted({ workflowId, workflowType }: Operation, outcome: Outcome): object {
  const failure = outcome.tag === 'success' ? [] : outcome.val;
  if (isAlreadyStarted(failure)) return { failed: { workflowId, workflowType, cause: 1 } };
  // Any other reason: the library passes on the failure of a start that was cancelled.
  return { cancelled: { failure: fromFailure(failure) } };
}

function isAlreadyStarted(failure: Failure): boolean {
  return failure.some(
    ({ kind }) => kind.tag === 'application' && kind.val.errorType === 'WorkflowExecutionAlreadyStarted',
  );
}

function refusal(outcome: Outcome): object {
  return outcome.tag === 'success' ? {} : { failure: fromFailure(outcome.val) };
}
