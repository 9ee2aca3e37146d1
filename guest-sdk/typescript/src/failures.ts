// Failures: the library nests causes, the contract lists them, outermost first.

import type { temporal } from '@temporalio/proto';
import type * as wire from 'mainspring:workflow/types@1.0.0';

import { mapStack } from './source-map.js';
import { caseOf, fromPayload, fromPayloads, number, toDuration, toPayload, toPayloads } from './wire.js';

type ProtoFailure = temporal.api.failure.v1.IFailure;

/** A failure has at most this many causes that are passed on. */
const DEEPEST = 64;
const TIMEOUTS = ['start-to-close', 'start-to-close', 'schedule-to-start', 'schedule-to-close', 'heartbeat'];
const RETRY_STATES = [
  'unspecified',
  'in-progress',
  'non-retryable-failure',
  'timeout',
  'maximum-attempts-reached',
  'retry-policy-not-set',
  'internal-server-error',
  'cancel-requested',
];
const CATEGORIES = ['unspecified', 'benign'] as const;
const NEXUS_RETRIES = ['unspecified', 'retryable', 'non-retryable'];

export function toFailure(failure: ProtoFailure): wire.Failure {
  const nodes: wire.Failure = [];
  let next: ProtoFailure | null | undefined = failure;
  while (next != null && nodes.length < DEEPEST) {
    nodes.push({
      message: next.message ?? '',
      source: next.source ?? '',
      stackTrace: mapStack(next.stackTrace ?? ''),
      encodedAttributes: next.encodedAttributes == null ? null : toPayload(next.encodedAttributes),
      kind: toKind(next),
    });
    next = next.cause;
  }
  return nodes;
}

function toKind(failure: ProtoFailure): wire.FailureKind {
  const { timeoutFailureInfo: timeout, canceledFailureInfo: cancelled, activityFailureInfo: activity } = failure;
  if (timeout != null) {
    const lastHeartbeatDetails = toPayloads(timeout.lastHeartbeatDetails?.payloads);
    return { tag: 'timeout', val: { timeout: caseOf(TIMEOUTS, timeout.timeoutType), lastHeartbeatDetails } };
  }
  if (cancelled != null) {
    return { tag: 'cancelled', val: { details: toPayloads(cancelled.details?.payloads), identity: '' } };
  }
  if (activity != null) {
    return {
      tag: 'activity',
      val: {
        scheduledEventId: number(activity.scheduledEventId),
        startedEventId: number(activity.startedEventId),
        identity: activity.identity ?? '',
        activityType: activity.activityType?.name ?? '',
        activityId: activity.activityId ?? '',
        retryState: caseOf(RETRY_STATES, activity.retryState),
      },
    };
  }
  if (failure.terminatedFailureInfo != null) return { tag: 'terminated', val: '' };
  if (failure.serverFailureInfo != null) {
    return { tag: 'server', val: failure.serverFailureInfo.nonRetryable ?? false };
  }
  if (failure.resetWorkflowFailureInfo != null) {
    return { tag: 'reset-workflow', val: toPayloads(failure.resetWorkflowFailureInfo.lastHeartbeatDetails?.payloads) };
  }
  return toChildKind(failure) ?? toNexusKind(failure) ?? toApplication(failure);
}

function toChildKind({ childWorkflowExecutionFailureInfo: child }: ProtoFailure): wire.FailureKind | undefined {
  if (child == null) return undefined;
  return {
    tag: 'child-workflow',
    val: {
      execution: {
        namespace: child.namespace ?? '',
        workflowId: child.workflowExecution?.workflowId ?? '',
        runId: child.workflowExecution?.runId ?? '',
      },
      workflowType: child.workflowType?.name ?? '',
      initiatedEventId: number(child.initiatedEventId),
      startedEventId: number(child.startedEventId),
      retryState: caseOf(RETRY_STATES, child.retryState),
    },
  };
}

function toNexusKind(failure: ProtoFailure): wire.FailureKind | undefined {
  const { nexusOperationExecutionFailureInfo: operation, nexusHandlerFailureInfo: handler } = failure;
  if (operation != null) {
    return {
      tag: 'nexus-operation',
      val: {
        scheduledEventId: number(operation.scheduledEventId),
        endpoint: operation.endpoint ?? '',
        service: operation.service ?? '',
        operation: operation.operation ?? '',
        operationToken: operation.operationToken ?? '',
      },
    };
  }
  if (handler != null) {
    const retryBehavior = caseOf(NEXUS_RETRIES, handler.retryBehavior);
    return { tag: 'nexus-handler', val: { errorType: handler.type ?? '', retryBehavior } };
  }
  return undefined;
}

function toApplication({ applicationFailureInfo: application }: ProtoFailure): wire.FailureKind {
  return {
    tag: 'application',
    val: {
      errorType: application?.type ?? '',
      nonRetryable: application?.nonRetryable ?? false,
      details: toPayloads(application?.details?.payloads),
      nextRetryDelay: toDuration(application?.nextRetryDelay),
      category: CATEGORIES[application?.category ?? 0] ?? 'unspecified',
    },
  };
}

/** The other way. A failure of the contract has at least one node. */
export function fromFailure(failure: wire.Failure): ProtoFailure {
  let whole: ProtoFailure | undefined;
  for (let index = failure.length - 1; index >= 0; index--) {
    const node = failure[index]!;
    whole = {
      message: node.message,
      source: node.source,
      stackTrace: node.stackTrace,
      ...(node.encodedAttributes === null ? {} : { encodedAttributes: fromPayload(node.encodedAttributes) }),
      ...fromKind(node.kind),
      ...(whole === undefined ? {} : { cause: whole }),
    };
  }
  return whole ?? { message: 'a failure without a word', applicationFailureInfo: {} };
}

function fromKind(kind: wire.FailureKind): ProtoFailure {
  const payloads = (given: wire.Payload[]) => (given.length === 0 ? null : { payloads: fromPayloads(given) });
  const place = (cases: readonly string[], name: string) => Math.max(0, cases.lastIndexOf(name)) as any;
  switch (kind.tag) {
    case 'application': {
      const { errorType: type, nonRetryable, details, nextRetryDelay, category } = kind.val;
      const delay = nextRetryDelay === null ? null : durationOf(nextRetryDelay);
      return {
        applicationFailureInfo: {
          type,
          nonRetryable,
          details: payloads(details),
          nextRetryDelay: delay as any,
          category: place(CATEGORIES, category),
        },
      };
    }
    case 'timeout':
      return {
        timeoutFailureInfo: {
          timeoutType: kind.val.timeout === 'start-to-close' ? 1 : place(TIMEOUTS, kind.val.timeout),
          lastHeartbeatDetails: payloads(kind.val.lastHeartbeatDetails),
        },
      };
    case 'cancelled':
      return { canceledFailureInfo: { details: payloads(kind.val.details) } };
    case 'terminated':
      return { terminatedFailureInfo: {} };
    case 'server':
      return { serverFailureInfo: { nonRetryable: kind.val } };
    case 'reset-workflow':
      return { resetWorkflowFailureInfo: { lastHeartbeatDetails: payloads(kind.val) } };
    case 'activity': {
      const { activityType: name, retryState, scheduledEventId, startedEventId, ...rest } = kind.val;
      return {
        activityFailureInfo: {
          ...rest,
          scheduledEventId: scheduledEventId as any,
          startedEventId: startedEventId as any,
          activityType: { name },
          retryState: place(RETRY_STATES, retryState),
        },
      };
    }
    case 'child-workflow': {
      const { execution, workflowType: name, retryState, initiatedEventId, startedEventId } = kind.val;
      const { namespace, workflowId, runId } = execution;
      return {
        childWorkflowExecutionFailureInfo: {
          namespace,
          workflowExecution: { workflowId, runId },
          workflowType: { name },
          initiatedEventId: initiatedEventId as any,
          startedEventId: startedEventId as any,
          retryState: place(RETRY_STATES, retryState),
        },
      };
    }
    case 'nexus-operation':
      return { nexusOperationExecutionFailureInfo: { ...kind.val, scheduledEventId: kind.val.scheduledEventId as any } };
    case 'nexus-handler': {
      const { errorType: type, retryBehavior } = kind.val;
      return { nexusHandlerFailureInfo: { type, retryBehavior: place(NEXUS_RETRIES, retryBehavior) } };
    }
  }
}

function durationOf(nanos: number): { seconds: number; nanos: number } {
  const seconds = Math.floor(nanos / 1e9);
  return { seconds, nanos: nanos - seconds * 1e9 };
}
