// The activity `Do`, on the official SDK: it does what its input says.

import { ApplicationFailure, CompleteAsyncError, Context, sleep } from '@temporalio/activity';

/** The task tokens of activities that are completed from outside, by workflow ID. */
export const TOKENS = new Map<string, Uint8Array>();

type Call = { do: string; [key: string]: any };

export async function Do(call: Call): Promise<unknown> {
  const context = Context.current();
  const { attempt, heartbeatDetails, taskToken, workflowExecution } = context.info;
  switch (call.do) {
    case 'echo':
      return call.value;
    case 'fail until':
      if (attempt < call.attempt) throw ApplicationFailure.retryable('not yet', 'Flaky');
      return attempt;
    case 'fail':
      throw ApplicationFailure.create({
        message: 'declined',
        type: 'Declined',
        nonRetryable: call.non_retryable ?? false,
        details: ['a detail'],
      });
    case 'fail plainly':
      throw new TypeError('no failure of the SDK');
    case 'ask for a delay':
      if (attempt > 1) return attempt;
      throw ApplicationFailure.create({ message: 'later', nextRetryDelay: call.delay_ms });
    case 'sleep':
      await new Promise((wake) => setTimeout(wake, call.ms));
      return 'slept';
    case 'heartbeat then fail':
      if (attempt > 1) return heartbeatDetails;
      context.heartbeat(call.progress);
      throw ApplicationFailure.retryable('half way');
    case 'heartbeat for ever':
      for (;;) {
        context.heartbeat('alive');
        // A cancel ends the sleep.
        await sleep(50);
      }
    case 'complete elsewhere':
      if (workflowExecution) TOKENS.set(workflowExecution.workflowId, taskToken);
      throw new CompleteAsyncError();
    case 'clean up':
      return 'cleaned';
    default:
      throw ApplicationFailure.nonRetryable(`cannot ${call.do}`);
  }
}
