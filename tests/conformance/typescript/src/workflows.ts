// The behaviours of `tests/conformance/README.md`, in TypeScript. Each workflow is written
// the way its language teaches; type names, inputs and the order of operations are what all
// languages share.

import {
  ActivityCancellationType,
  ActivityFailure,
  ApplicationFailure,
  CancellationScope,
  ChildWorkflowCancellationType,
  condition,
  continueAsNew,
  defineQuery,
  defineSignal,
  defineUpdate,
  executeChild,
  getExternalWorkflowHandle,
  isCancellation,
  proxyActivities,
  setHandler,
  sleep,
  upsertMemo,
  upsertSearchAttributes,
  uuid4,
  workflowInfo,
} from "@temporalio/workflow";
import { defineSearchAttributeKey, SearchAttributeType } from "@temporalio/common";

interface Activities {
  Do(input: unknown): Promise<unknown>;
}

const HOUR = "1 hour";

/** One minute for each attempt, no retry. */
const { Do } = proxyActivities<Activities>({
  startToCloseTimeout: "1 minute",
  retry: { maximumAttempts: 1 },
});

export async function ActivityResult(name: string): Promise<unknown> {
  return await Do({ do: "echo", value: `Hello, ${name}!` });
}

export async function ActivityRetried(): Promise<unknown> {
  const retried = proxyActivities<Activities>({
    startToCloseTimeout: "1 minute",
    retry: { initialInterval: "10ms", maximumAttempts: 5 },
  });
  return await retried.Do({ do: "fail until", attempt: 3 });
}

const declined = { do: "fail", type: "Declined", message: "no funds", detail: { short: 5 } };

export async function ActivityFailureReturned(): Promise<unknown> {
  return await Do(declined);
}

export async function ActivityFailureCaught(): Promise<unknown> {
  try {
    await Do(declined);
    return "it succeeded";
  } catch (error) {
    const cause = error instanceof ActivityFailure ? error.cause : undefined;
    const kind = cause instanceof ApplicationFailure ? cause.type : "none";
    return await Do({ do: "echo", value: kind });
  }
}

export async function Parallel(): Promise<unknown[]> {
  return await Promise.all(["a", "b", "c"].map((value) => Do({ do: "echo", value })));
}

export async function FanOut(count: number): Promise<number> {
  const calls = Array.from({ length: count }, (_, value) => Do({ do: "echo", value }));
  const results = (await Promise.all(calls)) as number[];
  return results.reduce((sum, value) => sum + value, 0);
}

export async function Sleeps(sleepMs: number): Promise<string> {
  await sleep(sleepMs);
  return "slept";
}

export async function TimerCancelled(): Promise<string> {
  const scope = new CancellationScope();
  const hour = scope.run(() => sleep(HOUR));
  await sleep(10);
  scope.cancel();
  try {
    await hour;
    return "fired";
  } catch (error) {
    if (isCancellation(error)) return "cancelled";
    throw error;
  }
}

export async function Race(): Promise<unknown> {
  const scope = new CancellationScope();
  const hour = scope.run(() => sleep(HOUR));
  const result = await Promise.race([
    hour.then(
      () => "the timer",
      () => "cancelled",
    ),
    Do({ do: "echo", value: "the activity" }),
  ]);
  scope.cancel();
  return result;
}

export async function Cancellable(): Promise<void> {
  await sleep(HOUR);
}

export async function Cleanup(): Promise<void> {
  try {
    await sleep(HOUR);
  } catch (error) {
    await CancellationScope.nonCancellable(() => Do({ do: "clean up" }));
    throw error;
  }
}

export async function ActivityCancelled(kind: string): Promise<unknown> {
  const cancellationType = {
    try: ActivityCancellationType.TRY_CANCEL,
    abandon: ActivityCancellationType.ABANDON,
    wait: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  }[kind];
  const patient = proxyActivities<Activities>({
    startToCloseTimeout: HOUR,
    heartbeatTimeout: "1 minute",
    cancellationType,
  });
  return await patient.Do({ do: "wait for cancel" });
}

export async function Random(): Promise<boolean> {
  const before = { number: Math.random(), id: uuid4(), time: Date.now() };
  await sleep(10);
  const after = { number: Math.random(), id: uuid4(), time: Date.now() };
  return before.number !== after.number && before.id !== after.id && before.time < after.time;
}

export async function Collector(count: number): Promise<unknown[]> {
  const items: unknown[] = [];
  setHandler(defineSignal<[unknown]>("add"), (item) => {
    items.push(item);
  });
  setHandler(defineQuery<unknown[]>("items"), () => items);
  await condition(() => items.length >= count);
  return items;
}

export async function Gate(waitMs: number): Promise<string> {
  let open = false;
  setHandler(defineSignal("open"), () => {
    open = true;
  });
  return (await condition(() => open, waitMs)) ? "opened" : "too late";
}

export async function Account(): Promise<number> {
  let balance = 0;
  let closed = false;
  setHandler(
    defineUpdate<number, [number]>("add"),
    (amount) => {
      balance += amount;
      return balance;
    },
    {
      validator: (amount) => {
        if (balance + amount < 0) {
          throw ApplicationFailure.create({
            message: "the balance cannot be negative",
            type: "Overdrawn",
          });
        }
      },
    },
  );
  setHandler(defineUpdate<number, [number]>("add_from_activity"), async (amount) => {
    balance += (await Do({ do: "echo", value: amount })) as number;
    return balance;
  });
  setHandler(defineUpdate("refuse"), () => {
    throw ApplicationFailure.create({ message: "never", type: "Never" });
  });
  setHandler(defineSignal("close"), () => {
    closed = true;
  });
  await condition(() => closed);
  return balance;
}

export async function Echo(value: unknown): Promise<unknown> {
  return value;
}

export async function Fails(final: boolean): Promise<void> {
  throw ApplicationFailure.create({
    message: "no funds",
    type: "Declined",
    nonRetryable: final,
    details: [{ short: 5 }],
  });
}

export async function Countdown(left: number): Promise<string> {
  if (left > 0) await continueAsNew<typeof Countdown>(left - 1);
  return "lift-off";
}

const colour = defineSearchAttributeKey("Colour", SearchAttributeType.KEYWORD);

export async function Labels(): Promise<void> {
  upsertSearchAttributes([{ key: colour, value: "red" }]);
  upsertMemo({ note: "hello" });
  await sleep(10);
  upsertSearchAttributes([{ key: colour, value: null }]);
}

function childId(): string {
  return `${workflowInfo().workflowId}-child`;
}

export async function Child(value: unknown): Promise<unknown> {
  return await executeChild(Echo, { workflowId: childId(), args: [value] });
}

export async function ChildFails(): Promise<void> {
  await executeChild(Fails, { workflowId: childId(), args: [true] });
}

export async function ChildCancelled(): Promise<void> {
  await executeChild(Cancellable, {
    workflowId: childId(),
    cancellationType: ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
  });
}

export async function Messenger(to: string): Promise<boolean[]> {
  const other = getExternalWorkflowHandle(to);
  const found = (sent: Promise<void>) =>
    sent.then(
      () => true,
      () => false,
    );
  return [await found(other.signal("add", "hello")), await found(other.cancel())];
}
