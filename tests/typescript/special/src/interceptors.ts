// Interceptors on both sides of the workflow code.

import type { WorkflowInterceptorsFactory } from '@temporalio/workflow';

export const interceptors: WorkflowInterceptorsFactory = () => ({
  inbound: [
    {
      async execute(input, next) {
        const result = await next(input);
        return typeof result === 'string' ? `intercepted ${result}` : result;
      },
      async handleSignal(input, next) {
        await next({ ...input, args: [`${input.args[0]}!`] });
      },
    },
  ],
  outbound: [
    {
      async scheduleActivity(input, next) {
        return await next({ ...input, args: input.args.map((one) => (typeof one === 'string' ? `<${one}>` : one)) });
      },
    },
  ],
});
