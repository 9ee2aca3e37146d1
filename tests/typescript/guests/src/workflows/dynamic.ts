// The default export takes every type that has no function of its own.

import { workflowInfo } from '@temporalio/workflow';

export default async function dynamic(...input: unknown[]): Promise<string> {
  return `${workflowInfo().workflowType} got ${JSON.stringify(input)}`;
}
