"""An interceptor that carries the caller's tenant along, as the documentation shows it."""

from contextvars import ContextVar

from temporalio import workflow
from temporalio.worker import (
    ExecuteWorkflowInput,
    Interceptor,
    StartActivityInput,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
    WorkflowOutboundInterceptor,
)

tenant: ContextVar[str] = ContextVar("tenant", default="nobody")


class ContextPropagation(Interceptor):
    def workflow_interceptor_class(
        self, input: WorkflowInterceptorClassInput
    ) -> type[WorkflowInboundInterceptor]:
        return _Inbound


class _Inbound(WorkflowInboundInterceptor):
    def init(self, outbound: WorkflowOutboundInterceptor) -> None:
        self.next.init(_Outbound(outbound))

    async def execute_workflow(self, input: ExecuteWorkflowInput):
        if payload := input.headers.get("tenant"):
            tenant.set(workflow.payload_converter().from_payload(payload, str))
        return await self.next.execute_workflow(input)


class _Outbound(WorkflowOutboundInterceptor):
    def start_activity(self, input: StartActivityInput) -> workflow.ActivityHandle:
        if tenant.get() != "nobody":
            payload = workflow.payload_converter().to_payload(tenant.get())
            input.headers = {**input.headers, "tenant": payload}
        return self.next.start_activity(input)
