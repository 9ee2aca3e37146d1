// Commands of an activation as operations of the host, in their order.

import type { coresdk } from '@temporalio/proto';
import activities from 'mainspring:workflow/activities@1.0.0';
import cancellation from 'mainspring:workflow/cancellation@1.0.0';
import children from 'mainspring:workflow/children@1.0.0';
import continuation from 'mainspring:workflow/continuation@1.0.0';
import external, { type SignalTarget } from 'mainspring:workflow/external@1.0.0';
import properties from 'mainspring:workflow/properties@1.0.0';
import queries from 'mainspring:workflow/queries@1.0.0';
import timers from 'mainspring:workflow/timers@1.0.0';
import type { Failure, Payload } from 'mainspring:workflow/types@1.0.0';
import updates from 'mainspring:workflow/updates@1.0.0';

import { toFailure } from './failures.js';
import type { Kind, Operations } from './operations.js';
import { decode } from './text.js';
import {
  caseOf,
  toChanges,
  toDuration,
  toIntent,
  toMetadata,
  toPairs,
  toPayload,
  toPayloads,
  toPriority,
  toRetryPolicy,
} from './wire.js';

export type Command = coresdk.workflow_commands.IWorkflowCommand;

/** As the contract's `run-outcome`. */
export type RunOutcome =
  | { tag: 'completed' | 'cancelled'; val: Payload[] }
  | { tag: 'failed'; val: Failure }
  | { tag: 'continued-as-new' };

const ACTIVITY_CANCELLATION = ['try-cancel', 'wait-cancellation-completed', 'abandon'];
const CHILD_CANCELLATION = ['abandon', 'try-cancel', 'wait-cancellation-completed', 'wait-cancellation-requested'];
const CLOSE_POLICIES = ['unspecified', 'terminate', 'abandon', 'request-cancel'];
const REUSE_POLICIES = [
  'unspecified',
  'allow-duplicate',
  'allow-duplicate-failed-only',
  'reject-duplicate',
  'terminate-if-running',
];

type Handler<K extends keyof Command> = (
  content: NonNullable<Command[K]>,
  command: Command,
  run: Commands,
) => RunOutcome | void;

/** Carries out commands for one run. */
export class Commands {
  constructor(
    readonly operations: Operations,
    readonly taskQueue: string,
    /** Whether an update's handler has a validator: without one, nothing was read. */
    readonly hasValidator: (updateId: string) => boolean,
  ) {}

  /** All of them; how the run ends, if one of them says so. */
  perform(commands: readonly Command[]): RunOutcome | undefined {
    // The host hands out an update behind its batch and wants its answer before
    // anything is started: verdicts go first.
    const verdicts = commands.filter(({ updateResponse }) => updateResponse != null && this.decides(updateResponse));
    for (const verdict of verdicts) this.performOne(verdict);
    let outcome: RunOutcome | undefined;
    for (const command of commands) {
      if (!verdicts.includes(command)) outcome = this.performOne(command) ?? outcome;
    }
    return outcome;
  }

  /** Updates that were taken and not decided yet. */
  readonly undecided = new Set<string>();

  private decides({ accepted, rejected, protocolInstanceId }: coresdk.workflow_commands.IUpdateResponse): boolean {
    return accepted != null || (rejected != null && this.undecided.has(protocolInstanceId ?? ''));
  }

  private performOne(command: Command): RunOutcome | undefined {
    for (const name in command) {
      const handler = HANDLERS[name as keyof Command] as Handler<any> | undefined;
      const content = (command as any)[name];
      if (handler !== undefined && content != null) return handler(content, command, this) ?? undefined;
    }
    if (command.scheduleNexusOperation != null) {
      throw new TypeError('the workflow starts a Nexus operation, which this server does not serve yet: use an activity');
    }
    const names = Object.keys(command).join(', ');
    throw new TypeError(`the workflow asks for ${names}, which this server does not do`);
  }

  /** `null` for the run's own queue: the host knows it. */
  otherQueue(given: string | null | undefined): string | null {
    return given == null || given === this.taskQueue ? null : given;
  }

  cancel(kind: Kind, seq: number | null | undefined, reason = ''): void {
    const handle = this.operations.handleOf(kind, seq ?? 0);
    if (handle !== undefined) cancellation.cancel(handle, reason);
  }
}

function scheduleActivity(
  activity: coresdk.workflow_commands.IScheduleActivity & coresdk.workflow_commands.IScheduleLocalActivity,
  command: Command,
  run: Commands,
): void {
  const seq = activity.seq!;
  const handle = activities.startActivity({
    activityType: activity.activityType!,
    // The library numbers those without an ID of their own; left to the host, the
    // history is the one of every other language.
    activityId: activity.activityId == null || activity.activityId === `${seq}` ? null : activity.activityId,
    taskQueue: run.otherQueue(activity.taskQueue),
    input: toPayloads(activity.arguments),
    headers: toPairs(activity.headers),
    scheduleToCloseTimeout: toDuration(activity.scheduleToCloseTimeout),
    scheduleToStartTimeout: toDuration(activity.scheduleToStartTimeout),
    startToCloseTimeout: toDuration(activity.startToCloseTimeout),
    heartbeatTimeout: toDuration(activity.heartbeatTimeout),
    retryPolicy: toRetryPolicy(activity.retryPolicy),
    cancellationType: caseOf(ACTIVITY_CANCELLATION, activity.cancellationType),
    priority: toPriority(activity.priority),
    metadata: toMetadata(command.userMetadata),
  });
  run.operations.add(handle, { kind: 'activity', seq });
}

function startChild(
  child: coresdk.workflow_commands.IStartChildWorkflowExecution,
  command: Command,
  run: Commands,
): void {
  const workflowId = child.workflowId!;
  const workflowType = child.workflowType!;
  const handle = children.startChildWorkflow({
    namespace: null,
    workflowId,
    workflowType,
    taskQueue: run.otherQueue(child.taskQueue),
    input: toPayloads(child.input),
    headers: toPairs(child.headers),
    workflowExecutionTimeout: toDuration(child.workflowExecutionTimeout),
    workflowRunTimeout: toDuration(child.workflowRunTimeout),
    workflowTaskTimeout: toDuration(child.workflowTaskTimeout),
    parentClosePolicy: caseOf(CLOSE_POLICIES, child.parentClosePolicy),
    workflowIdReusePolicy: caseOf(REUSE_POLICIES, child.workflowIdReusePolicy),
    cancellationType: caseOf(CHILD_CANCELLATION, child.cancellationType),
    retryPolicy: toRetryPolicy(child.retryPolicy),
    cronSchedule: child.cronSchedule ?? '',
    memo: toPairs(child.memo),
    searchAttributes: toPairs(child.searchAttributes?.indexedFields),
    versioningIntent: toIntent(child.versioningIntent),
    version: null,
    priority: toPriority(child.priority),
    metadata: toMetadata(command.userMetadata),
  });
  run.operations.add(handle, { kind: 'child', seq: child.seq!, workflowId, workflowType });
}

function signalExternal(
  signal: coresdk.workflow_commands.ISignalExternalWorkflowExecution,
  _command: Command,
  run: Commands,
): void {
  const child = signal.childWorkflowId == null ? undefined : run.operations.childHandle(signal.childWorkflowId);
  const { namespace, workflowId, runId } = signal.workflowExecution ?? {};
  const target: SignalTarget =
    child !== undefined
      ? { tag: 'child', val: child }
      : {
          tag: 'execution',
          val: {
            namespace: namespace ?? '',
            workflowId: workflowId ?? signal.childWorkflowId ?? '',
            runId: runId ?? '',
          },
        };
  const handle = external.signalWorkflow(
    target,
    signal.signalName!,
    toPayloads(signal.args),
    toPairs(signal.headers),
  );
  run.operations.add(handle, { kind: 'signal', seq: signal.seq! });
}

function updateResponse(
  { protocolInstanceId, accepted, rejected, completed }: coresdk.workflow_commands.IUpdateResponse,
  _command: Command,
  run: Commands,
): void {
  const id = protocolInstanceId ?? '';
  if (accepted != null) {
    run.undecided.delete(id);
    if (run.hasValidator(id)) updates.acceptUpdate(id);
    else updates.acceptUnvalidatedUpdate(id);
  } else if (rejected != null) {
    if (run.undecided.delete(id)) updates.rejectUpdate(id, toFailure(rejected));
    else updates.completeUpdate(id, { tag: 'err', val: toFailure(rejected) });
  } else {
    updates.completeUpdate(id, { tag: 'ok', val: toPayload(completed ?? {}) });
  }
}

function continueAsNew(next: coresdk.workflow_commands.IContinueAsNewWorkflowExecution, run: Commands): RunOutcome {
  continuation.continueAsNew({
    workflowType: next.workflowType || null,
    taskQueue: run.otherQueue(next.taskQueue),
    input: toPayloads(next.arguments),
    headers: toPairs(next.headers),
    workflowRunTimeout: toDuration(next.workflowRunTimeout),
    workflowTaskTimeout: toDuration(next.workflowTaskTimeout),
    retryPolicy: toRetryPolicy(next.retryPolicy),
    memo: next.memo == null || Object.keys(next.memo).length === 0 ? null : toPairs(next.memo),
    searchAttributes: next.searchAttributes == null ? null : toPairs(next.searchAttributes.indexedFields),
    versioningIntent: toIntent(next.versioningIntent),
    backoffStartInterval: toDuration((next as any).backoffStartInterval),
  });
  return { tag: 'continued-as-new' };
}

/** The library says that a field goes by sending nothing for it. */
function isNothing(payload: { metadata?: any; data?: Uint8Array | null }): boolean {
  const encoding = payload.metadata?.['encoding'];
  if (encoding !== undefined && decode(encoding) === 'binary/null') return true;
  const text = decode(payload.data ?? new Uint8Array(0));
  return text === '' || text === 'null' || text === '[]';
}

const HANDLERS: { [K in keyof Command]?: Handler<K> } = {
  scheduleActivity: scheduleActivity as any,
  // There is no worker to be local to.
  scheduleLocalActivity: scheduleActivity as any,
  startTimer({ seq, startToFireTimeout }, { userMetadata }, { operations }) {
    const handle = timers.startTimer(toDuration(startToFireTimeout) ?? 0, toMetadata(userMetadata));
    operations.add(handle, { kind: 'timer', seq: seq! });
  },
  startChildWorkflowExecution: startChild,
  signalExternalWorkflowExecution: signalExternal,
  requestCancelExternalWorkflowExecution({ seq, workflowExecution, reason }, _command, { operations }) {
    const { namespace, workflowId, runId } = workflowExecution ?? {};
    const target = { namespace: namespace ?? '', workflowId: workflowId ?? '', runId: runId ?? '' };
    operations.add(external.cancelWorkflow(target, reason ?? ''), { kind: 'cancel', seq: seq! });
  },
  requestCancelActivity: ({ seq }, _command, run) => run.cancel('activity', seq),
  requestCancelLocalActivity: ({ seq }, _command, run) => run.cancel('activity', seq),
  cancelTimer: ({ seq }, _command, run) => run.cancel('timer', seq),
  cancelChildWorkflowExecution({ childWorkflowSeq, reason }, _command, run) {
    run.cancel('child', childWorkflowSeq, reason ?? '');
  },
  cancelSignalWorkflow: ({ seq }, _command, run) => run.cancel('signal', seq),
  upsertWorkflowSearchAttributes({ searchAttributes }) {
    properties.upsertSearchAttributes(toChanges(searchAttributes?.indexedFields, isNothing));
  },
  modifyWorkflowProperties({ upsertedMemo }) {
    properties.upsertMemo(toChanges(upsertedMemo?.fields, isNothing));
  },
  respondToQuery({ queryId, succeeded, failed }) {
    if (failed != null) queries.answerQuery(queryId!, { tag: 'err', val: toFailure(failed) });
    else queries.answerQuery(queryId!, { tag: 'ok', val: toPayload(succeeded?.response ?? {}) });
  },
  updateResponse,
  completeWorkflowExecution: ({ result }) => ({ tag: 'completed', val: result == null ? [] : [toPayload(result)] }),
  failWorkflowExecution: ({ failure }) => ({ tag: 'failed', val: toFailure(failure ?? {}) }),
  cancelWorkflowExecution: () => ({ tag: 'cancelled', val: [] }),
  continueAsNewWorkflowExecution: (next, _command, run) => continueAsNew(next, run),
};
