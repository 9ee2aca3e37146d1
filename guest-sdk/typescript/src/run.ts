// One run: batches of the host's events as activations of the library.
//
// A batch is taken whole, becomes one activation, and what the library asks for then
// goes to the host. An answer that is known at once (a cancelled activity) comes as a
// batch of its own, as it does from Temporal's core.

import type * as api from '@temporalio/workflow/lib/worker-interface';
import events, { type HostEvent } from 'mainspring:workflow/events@1.0.0';
import info, { type RunInfo } from 'mainspring:workflow/info@1.0.0';
import properties from 'mainspring:workflow/properties@1.0.0';
import type { Payload } from 'mainspring:workflow/types@1.0.0';
import Long from 'long';

import { type Command, Commands, type RunOutcome } from './commands.js';
import { drain } from './environment/jobs.js';
import { takeUnhandledRejection } from './environment/promise.js';
import { nowMs } from './environment/sources.js';
import { fromFailure } from './failures.js';
import { taskInfo, workflowInfo } from './info.js';
import { type Job, inCoreOrder, job, toJob } from './jobs.js';
import { type SinkCall, emit, show } from './log.js';
import { Operations } from './operations.js';
import { fromPairs, fromPayloads } from './wire.js';

/** What a component is made of; tool/bundle.mjs puts it together. */
export interface Parts {
  readonly api: typeof api;
  /** Behaviour flags of this version of the library that hold by default. */
  readonly flags: readonly number[];
  readonly failureTypes: readonly string[];
}

export class Run {
  private readonly operations = new Operations();
  private readonly commands: Commands;
  private readonly activator: any;
  private details = '';

  constructor(
    private readonly parts: Parts,
    private readonly run: RunInfo,
    private readonly input: readonly Payload[],
  ) {
    const seed = Long.fromNumber(run.randomSeed, true);
    parts.api.initRuntime({
      info: workflowInfo(run),
      now: nowMs(),
      randomnessSeed: seed.toBytes(),
      showStackTraceSources: false,
      sourceMap: undefined as any,
      registeredActivityNames: EVERY_NAME,
      getTimeOfDay: () => BigInt(nowMs()) * 1_000_000n,
      stackTracesEnabled: true,
      failureExceptionTypeNames: [...parts.failureTypes],
    });
    this.activator = (globalThis as any).__TEMPORAL_ACTIVATOR__;
    // They cannot be recorded, and the code never changes under a run: each holds
    // from the start or not at all.
    this.activator.addKnownFlags?.(parts.flags);
    this.activator.patchInternal = noPatches;
    this.commands = new Commands(this.operations, run.taskQueue, (id) => this.validated.has(id));
  }

  /** Until the run ends. */
  toEnd(): RunOutcome {
    let outcome = this.activate([this.initialize(), ...this.jobs(takeRest())]);
    while (outcome === undefined) {
      const first = events.next();
      if (first.tag === 'query') this.answer(first);
      else outcome = this.activate(this.jobs([first, ...takeRest()]));
    }
    return outcome;
  }

  /** Queries of a run that is over. */
  answerAll(): void {
    for (let event = events.take(); event !== null; event = events.take()) this.answer(event);
  }

  private readonly validated = new Set<string>();

  private initialize(): Job {
    const { run } = this;
    return job('initializeWorkflow', {
      workflowType: run.workflowType,
      workflowId: run.workflowId,
      arguments: fromPayloads(this.input),
      headers: fromPairs(run.headers),
      identity: run.identity,
      attempt: run.attempt,
      memo: { fields: fromPairs(run.memo) },
      searchAttributes: { indexedFields: fromPairs(run.searchAttributes) },
      continuedFailure: run.continuedFailure === null ? undefined : fromFailure(run.continuedFailure),
      lastCompletionResult: { payloads: fromPayloads(run.lastCompletionResult) },
    });
  }

  private jobs(batch: readonly HostEvent[]): Job[] {
    const jobs: Job[] = [];
    for (const event of batch) {
      if (event.tag === 'update') this.note(event.val.id, event.val.name, event.val.runValidator);
      const made = toJob(event, this.operations);
      if (made !== undefined) jobs.push(made);
    }
    return jobs;
  }

  private note(id: string, name: string, runValidator: boolean): void {
    this.commands.undecided.add(id);
    // A handler that is set only now, by the run's first step, may have one.
    const handler = this.activator.updateHandlers.get(name);
    if (runValidator && (handler === undefined || handler.validator !== undefined)) this.validated.add(id);
  }

  private activate(jobs: readonly Job[]): RunOutcome | undefined {
    if (jobs.length === 0) return undefined;
    const { activator, parts } = this;
    const isReplaying = info.isReplaying();
    activator.now = nowMs();
    activator.mutateWorkflowInfo((known: any) => ({
      ...known,
      ...taskInfo(info.task()),
      unsafe: { ...known.unsafe, isReplaying, isReplayingHistoryEvents: isReplaying },
    }));
    const [first] = jobs;
    if (first?.['initializeWorkflow']) parts.api.initialize(first['initializeWorkflow']);
    const seeds = jobs.filter(({ variant }) => variant === 'updateRandomSeed');
    if (seeds.length > 0) activator.updateRandomSeed(seeds.at(-1)!['updateRandomSeed']);
    const rest = jobs.filter(({ variant }) => variant !== 'updateRandomSeed');
    parts.api.activate({ runId: this.run.runId, isReplaying, jobs: inCoreOrder(rest) } as any, 0);
    this.settle();
    return this.conclude();
  }

  /** Lets everything run that can. */
  private settle(): void {
    do drain();
    while (this.parts.api.tryUnblockConditions() > 0);
  }

  private conclude(): RunOutcome | undefined {
    const { activator, parts } = this;
    const completion = parts.api.concludeActivation() as { successful?: { commands?: Command[] } };
    // An interceptor of the conclusion may have made promises.
    drain();
    const unhandled = takeUnhandledRejection();
    if (unhandled !== undefined) throw unhandledRejection(unhandled.reason);
    emit(activator.getAndResetSinkCalls() as SinkCall[]);
    this.tellDetails();
    return this.commands.perform(completion.successful?.commands ?? []);
  }

  private tellDetails(): void {
    const details: string = this.activator.currentDetails ?? '';
    if (details === this.details) return;
    this.details = details;
    properties.setCurrentDetails(details);
  }

  private answer(event: HostEvent): void {
    const made = toJob(event, this.operations);
    if (made === undefined) return;
    this.activator.mutateWorkflowInfo((known: any) => ({
      ...known,
      unsafe: { ...known.unsafe, isReplaying: true, isReplayingHistoryEvents: false },
    }));
    this.parts.api.activate({ runId: this.run.runId, isReplaying: true, jobs: [made] } as any, 0);
    drain();
    const completion = this.parts.api.concludeActivation() as { successful?: { commands?: Command[] } };
    const commands = completion.successful?.commands ?? [];
    emit(this.activator.getAndResetSinkCalls() as SinkCall[]);
    this.commands.perform(commands.filter(({ respondToQuery }) => respondToQuery != null));
  }
}

/** Refused at the call, so that the message has the user's line. */
function noPatches(patchId: string): never {
  throw new Error(
    `patched(${JSON.stringify(patchId)}): this server does not record version markers yet; ` +
      'leave the call out: a run stays on the component that it started with',
  );
}

/** A local activity is an ordinary one: whether a worker has it, its queue will tell. */
const EVERY_NAME = { has: () => true } as unknown as Set<string>;

function takeRest(): HostEvent[] {
  const batch: HostEvent[] = [];
  for (let event = events.take(); event !== null; event = events.take()) batch.push(event);
  return batch;
}

function unhandledRejection(reason: unknown): Error {
  const error = new Error(`Unhandled Promise rejection: ${show(reason)}`, { cause: reason });
  error.name = 'UnhandledRejectionError';
  if (reason instanceof Error && reason.stack !== undefined) error.stack = reason.stack;
  return error;
}
