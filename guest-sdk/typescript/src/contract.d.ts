// The contract's imports as the component sees them: wit/*.wit, mapped by
// componentize-qjs. 64-bit numbers are plain numbers, an absent option is null.

declare module 'mainspring:workflow/types@1.0.0' {
  export type Payload = { metadata: [string, Uint8Array][]; data: Uint8Array };
  export type Pairs = [string, Payload][];
  export interface RetryPolicy {
    initialInterval: number | null;
    backoffCoefficient: number | null;
    maximumInterval: number | null;
    maximumAttempts: number | null;
    nonRetryableErrorTypes: string[];
  }
  export interface Priority {
    key: number;
    fairnessKey: string;
    fairnessWeight: number;
  }
  export interface UserMetadata {
    summary: Payload | null;
    details: Payload | null;
  }
  export interface Execution {
    namespace: string;
    workflowId: string;
    runId: string;
  }
  export type FailureKind =
    | {
        tag: 'application';
        val: {
          errorType: string;
          nonRetryable: boolean;
          details: Payload[];
          nextRetryDelay: number | null;
          category: 'unspecified' | 'benign';
        };
      }
    | { tag: 'timeout'; val: { timeout: string; lastHeartbeatDetails: Payload[] } }
    | { tag: 'cancelled'; val: { details: Payload[]; identity: string } }
    | { tag: 'terminated'; val: string }
    | { tag: 'server'; val: boolean }
    | { tag: 'reset-workflow'; val: Payload[] }
    | {
        tag: 'activity';
        val: {
          scheduledEventId: number;
          startedEventId: number;
          identity: string;
          activityType: string;
          activityId: string;
          retryState: string;
        };
      }
    | {
        tag: 'child-workflow';
        val: {
          execution: Execution;
          workflowType: string;
          initiatedEventId: number;
          startedEventId: number;
          retryState: string;
        };
      }
    | {
        tag: 'nexus-operation';
        val: {
          scheduledEventId: number;
          endpoint: string;
          service: string;
          operation: string;
          operationToken: string;
        };
      }
    | { tag: 'nexus-handler'; val: { errorType: string; retryBehavior: string } };
  export interface FailureNode {
    message: string;
    source: string;
    stackTrace: string;
    encodedAttributes: Payload | null;
    kind: FailureKind;
  }
  export type Failure = FailureNode[];
  export type Outcome =
    | { tag: 'success'; val: Payload[] }
    | { tag: 'failed' | 'cancelled' | 'timed-out'; val: Failure };
  export type VersioningIntent = 'unspecified' | 'inherit' | 'current';
}

declare module 'mainspring:workflow/activities@1.0.0' {
  import type { Pairs, Payload, Priority, RetryPolicy, UserMetadata } from 'mainspring:workflow/types@1.0.0';
  export interface ActivityOptions {
    activityType: string;
    activityId: string | null;
    taskQueue: string | null;
    input: Payload[];
    headers: Pairs;
    scheduleToCloseTimeout: number | null;
    scheduleToStartTimeout: number | null;
    startToCloseTimeout: number | null;
    heartbeatTimeout: number | null;
    retryPolicy: RetryPolicy | null;
    cancellationType: string;
    priority: Priority | null;
    metadata: UserMetadata;
  }
  const activities: { startActivity(options: ActivityOptions): number };
  export default activities;
}

declare module 'mainspring:workflow/timers@1.0.0' {
  import type { UserMetadata } from 'mainspring:workflow/types@1.0.0';
  const timers: { startTimer(duration: number, metadata: UserMetadata): number };
  export default timers;
}

declare module 'mainspring:workflow/cancellation@1.0.0' {
  const cancellation: { cancel(handle: number, reason: string): void };
  export default cancellation;
}

declare module 'mainspring:workflow/children@1.0.0' {
  import type {
    Pairs,
    Payload,
    Priority,
    RetryPolicy,
    UserMetadata,
    VersioningIntent,
  } from 'mainspring:workflow/types@1.0.0';
  export interface ChildOptions {
    namespace: string | null;
    workflowId: string | null;
    workflowType: string;
    taskQueue: string | null;
    input: Payload[];
    headers: Pairs;
    workflowExecutionTimeout: number | null;
    workflowRunTimeout: number | null;
    workflowTaskTimeout: number | null;
    parentClosePolicy: string;
    workflowIdReusePolicy: string;
    cancellationType: string;
    retryPolicy: RetryPolicy | null;
    cronSchedule: string;
    memo: Pairs;
    searchAttributes: Pairs;
    versioningIntent: VersioningIntent;
    version: string | null;
    priority: Priority | null;
    metadata: UserMetadata;
  }
  const children: { startChildWorkflow(options: ChildOptions): number };
  export default children;
}

declare module 'mainspring:workflow/external@1.0.0' {
  import type { Execution, Pairs, Payload } from 'mainspring:workflow/types@1.0.0';
  export type SignalTarget = { tag: 'execution'; val: Execution } | { tag: 'child'; val: number };
  const external: {
    signalWorkflow(target: SignalTarget, name: string, input: Payload[], headers: Pairs): number;
    cancelWorkflow(target: Execution, reason: string): number;
  };
  export default external;
}

declare module 'mainspring:workflow/properties@1.0.0' {
  import type { Payload } from 'mainspring:workflow/types@1.0.0';
  const properties: {
    upsertSearchAttributes(attributes: [string, Payload | null][]): void;
    upsertMemo(fields: [string, Payload | null][]): void;
    setCurrentDetails(details: string): void;
  };
  export default properties;
}

declare module 'mainspring:workflow/queries@1.0.0' {
  import type { Failure, Payload } from 'mainspring:workflow/types@1.0.0';
  export type Answer = { tag: 'ok'; val: Payload } | { tag: 'err'; val: Failure };
  const queries: { answerQuery(id: string, answer: Answer): void };
  export default queries;
}

declare module 'mainspring:workflow/updates@1.0.0' {
  import type { Failure } from 'mainspring:workflow/types@1.0.0';
  import type { Answer } from 'mainspring:workflow/queries@1.0.0';
  const updates: {
    acceptUpdate(id: string): void;
    acceptUnvalidatedUpdate(id: string): void;
    rejectUpdate(id: string, reason: Failure): void;
    completeUpdate(id: string, outcome: Answer): void;
  };
  export default updates;
}

declare module 'mainspring:workflow/continuation@1.0.0' {
  import type { Pairs, Payload, RetryPolicy, VersioningIntent } from 'mainspring:workflow/types@1.0.0';
  export interface ContinueOptions {
    workflowType: string | null;
    taskQueue: string | null;
    input: Payload[];
    headers: Pairs;
    workflowRunTimeout: number | null;
    workflowTaskTimeout: number | null;
    retryPolicy: RetryPolicy | null;
    memo: Pairs | null;
    searchAttributes: Pairs | null;
    versioningIntent: VersioningIntent;
    backoffStartInterval: number | null;
  }
  const continuation: { continueAsNew(options: ContinueOptions): void };
  export default continuation;
}

declare module 'mainspring:workflow/events@1.0.0' {
  import type { Outcome, Pairs, Payload } from 'mainspring:workflow/types@1.0.0';
  export interface Signal {
    name: string;
    input: Payload[];
    headers: Pairs;
    identity: string;
    eventId: number;
  }
  export interface Query {
    id: string;
    name: string;
    arguments: Payload[];
    headers: Pairs;
  }
  export interface Update {
    id: string;
    name: string;
    input: Payload[];
    headers: Pairs;
    identity: string;
    runValidator: boolean;
  }
  export type HostEvent =
    | { tag: 'resolved'; val: { handle: number; outcome: Outcome } }
    | { tag: 'started'; val: { handle: number; outcome: { tag: 'child' | 'nexus'; val: string } } }
    | { tag: 'signal'; val: Signal }
    | { tag: 'query'; val: Query }
    | { tag: 'update'; val: Update }
    | { tag: 'cancel-requested'; val: string }
    | { tag: 'random-seed-changed'; val: number };
  const events: { next(): HostEvent; take(): HostEvent | null };
  export default events;
}

declare module 'mainspring:workflow/clock@1.0.0' {
  const clock: { now(): number };
  export default clock;
}

declare module 'mainspring:workflow/random@1.0.0' {
  const random: { bytes(length: number): Uint8Array };
  export default random;
}

declare module 'mainspring:workflow/logging@1.0.0' {
  export type Level = 'trace' | 'debug' | 'info' | 'warn' | 'error';
  const logging: { log(level: Level, message: string, fields: [string, string][]): void };
  export default logging;
}

declare module 'mainspring:workflow/info@1.0.0' {
  import type { Execution, Failure, Pairs, Payload, Priority, RetryPolicy } from 'mainspring:workflow/types@1.0.0';
  export interface RunInfo {
    namespace: string;
    workflowId: string;
    runId: string;
    workflowType: string;
    taskQueue: string;
    firstRunId: string;
    originalRunId: string;
    continuedFromRunId: string | null;
    continuedInitiator: 'none' | 'workflow' | 'retry' | 'cron-schedule';
    continuedFailure: Failure | null;
    lastCompletionResult: Payload[];
    parent: Execution | null;
    root: Execution | null;
    attempt: number;
    startTime: number;
    executionDeadline: number | null;
    workflowExecutionTimeout: number | null;
    workflowRunTimeout: number | null;
    workflowTaskTimeout: number;
    retryPolicy: RetryPolicy | null;
    cronSchedule: string;
    cronScheduleToScheduleInterval: number | null;
    headers: Pairs;
    memo: Pairs;
    searchAttributes: Pairs;
    priority: Priority | null;
    identity: string;
    randomSeed: number;
  }
  export interface TaskInfo {
    historyLength: number;
    historySizeBytes: number;
    continueAsNewSuggested: boolean;
    suggestReasons: { historySizeTooLarge: boolean; tooManyHistoryEvents: boolean; tooManyUpdates: boolean };
    deploymentName: string;
    versionLabel: string;
    targetVersionChanged: boolean;
    lastSdkVersion: string;
    sdkFlags: number[];
  }
  const info: { run(): RunInfo; task(): TaskInfo; isReplaying(): boolean };
  export default info;
}

declare module 'whatwg-url' {
  export const URL: unknown;
  export const URLSearchParams: unknown;
}
