// `workflowInfo()`: what the run and the task in hand know about themselves.

import type { WorkflowInfo } from '@temporalio/workflow';
import { TypedSearchAttributes } from '@temporalio/common';
import info, { type RunInfo, type TaskInfo } from 'mainspring:workflow/info@1.0.0';
import type { Priority, RetryPolicy } from 'mainspring:workflow/types@1.0.0';

import { millisOf, timeOf } from './wire.js';

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** The part that is fixed. `searchAttributes`, `memo` and results are decoded by the library. */
export function workflowInfo(run: RunInfo): WorkflowInfo {
  const optional = (nanos: number | null) => (nanos === null ? undefined : millisOf(nanos));
  const task = taskInfo(info.task());
  return {
    workflowId: run.workflowId,
    runId: run.runId,
    workflowType: run.workflowType,
    searchAttributes: {},
    typedSearchAttributes: new TypedSearchAttributes(),
    parent: run.parent ?? undefined,
    root: run.root === null ? undefined : { workflowId: run.root.workflowId, runId: run.root.runId },
    taskQueue: run.taskQueue,
    namespace: run.namespace,
    firstExecutionRunId: run.firstRunId,
    originalExecutionRunId: run.originalRunId,
    continuedFromExecutionRunId: run.continuedFromRunId ?? undefined,
    startTime: timeOf(run.startTime),
    runStartTime: timeOf(run.startTime),
    executionTimeoutMs: optional(run.workflowExecutionTimeout),
    executionExpirationTime: run.executionDeadline === null ? undefined : timeOf(run.executionDeadline),
    runTimeoutMs: optional(run.workflowRunTimeout),
    taskTimeoutMs: millisOf(run.workflowTaskTimeout),
    retryPolicy: retryPolicy(run.retryPolicy),
    attempt: run.attempt,
    cronSchedule: run.cronSchedule || undefined,
    cronScheduleToScheduleInterval: optional(run.cronScheduleToScheduleInterval) || undefined,
    priority: priority(run.priority),
    ...task,
    unsafe: {
      // The library puts its own sources in.
      now: Date.now,
      isReplaying: info.isReplaying(),
      isReplayingHistoryEvents: info.isReplaying(),
    } as WorkflowInfo['unsafe'],
  };
}

/** The part that each task brings anew. */
export function taskInfo(task: TaskInfo): Partial<Writable<WorkflowInfo>> & Pick<WorkflowInfo, TaskKeys> {
  const { deploymentName, versionLabel: buildId } = task;
  return {
    historyLength: task.historyLength,
    historySize: task.historySizeBytes,
    continueAsNewSuggested: task.continueAsNewSuggested,
    targetWorkerDeploymentVersionChanged: task.targetVersionChanged,
    suggestedContinueAsNewReasons: reasons(task),
    currentBuildId: buildId,
    currentDeploymentVersion: buildId === '' ? undefined : { buildId, deploymentName },
  };
}

type TaskKeys = 'historyLength' | 'historySize' | 'continueAsNewSuggested' | 'targetWorkerDeploymentVersionChanged';

function reasons({ suggestReasons: flags }: TaskInfo): WorkflowInfo['suggestedContinueAsNewReasons'] {
  const named: WorkflowInfo['suggestedContinueAsNewReasons'] = [];
  if (flags.historySizeTooLarge) named.push('HISTORY_SIZE_TOO_LARGE');
  if (flags.tooManyHistoryEvents) named.push('TOO_MANY_HISTORY_EVENTS');
  if (flags.tooManyUpdates) named.push('TOO_MANY_UPDATES');
  return named.length === 0 ? undefined : named;
}

function retryPolicy(policy: RetryPolicy | null): WorkflowInfo['retryPolicy'] {
  if (policy === null) return undefined;
  const millis = (nanos: number | null) => (nanos === null ? undefined : millisOf(nanos));
  return {
    backoffCoefficient: policy.backoffCoefficient ?? undefined,
    maximumAttempts: policy.maximumAttempts ?? undefined,
    maximumInterval: millis(policy.maximumInterval),
    initialInterval: millis(policy.initialInterval),
    nonRetryableErrorTypes: policy.nonRetryableErrorTypes,
  };
}

function priority(given: Priority | null): WorkflowInfo['priority'] {
  if (given === null) return {};
  return { priorityKey: given.key, fairnessKey: given.fairnessKey, fairnessWeight: given.fairnessWeight };
}
