"""The library's workflow instance, made as its worker makes it.

The worker's own function builds it, on an object that has what that function reads of a
worker; so what differs between versions of the library (the fields of `Info`, of the
details of an instance) is the library's own affair.
"""

import asyncio
from contextlib import contextmanager

import temporalio.common
import temporalio.converter
from temporalio.worker import _workflow as worker_module
from temporalio.worker import _workflow_instance as instance_module
from temporalio.worker._interceptor import (
    WorkflowInboundInterceptor,
    WorkflowOutboundInterceptor,
)

from . import boundary, stacks
from .boundary import OutOfReach
from .commands import versions

# Flags of the library that change what a workflow does. Live code has them on, so
# replayed code has them on; one that the library itself leaves off stays off.
_FLAGS = getattr(instance_module, "_WorkflowLogicFlag", ())
_OFF = "PROCESS_WORKFLOW_ACTIVATION_JOBS_AS_SINGLE_BATCH"
_DEFAULT_FLAGS = getattr(instance_module, "_DEFAULT_ENABLED_WORKFLOW_LOGIC_FLAGS", frozenset())
FLAGS = tuple(int(flag) for flag in _FLAGS if flag.name != _OFF or flag in _DEFAULT_FLAGS)


class Instance(instance_module._WorkflowInstanceImpl):
    """The library's instance, with the answers that only a server can give."""

    def workflow_patch(self, id: str, *, deprecated: bool = False, **_options) -> bool:
        self._assert_not_read_only("patch")
        if versions is None:
            return True
        if deprecated:
            versions.deprecate_patch(id)
            return True
        return versions.patched(id)

    @contextmanager
    def _as_read_only(self, *arguments, **options):
        with boundary.reading(), super()._as_read_only(*arguments, **options):
            yield


    def _stack_trace(self) -> str:
        return stacks.text(self._tasks)

    def _enhanced_stack_trace(self):
        return stacks.enhanced(self._tasks)


class _Runner(instance_module.UnsandboxedWorkflowRunner):
    def create_instance(self, det):
        return Instance(det)


class _Limits(WorkflowInboundInterceptor):
    """Refuses what no server behind the contract does yet, where the code asks for it."""

    def init(self, outbound: WorkflowOutboundInterceptor) -> None:
        super().init(_OutboundLimits(outbound))


class _OutboundLimits(WorkflowOutboundInterceptor):
    async def start_nexus_operation(self, input):
        raise OutOfReach(
            "Nexus operations are not served yet; call the service from an activity"
        )


class _Worker:
    """What the library's function reads of a worker. What another version reads beyond
    that is `None`, which stands for "not set" everywhere."""

    def __init__(self, project, facts) -> None:
        converter = project.data_converter
        self._workflows = {name: defn for name, defn in project.definitions.items() if name}
        self._dynamic_workflow = project.definitions.get("")
        self._namespace = facts.namespace
        self._task_queue = facts.task_queue
        self._data_converter = converter
        self._interceptor_classes = [_Limits, *project.interceptor_classes(_EXTERN_FUNCTIONS)]
        self._extern_functions = dict(_EXTERN_FUNCTIONS)
        self._disable_eager_activity_execution = True
        self._workflow_failure_exception_types = project.failure_exception_types
        self._patch_activation_callback = None
        self._default_workflow_logic_flags = set(_DEFAULT_FLAGS)
        self._workflow_runner = self._unsandboxed_workflow_runner = _Runner()

    def __getattr__(self, name: str):
        if name.startswith("__"):
            raise AttributeError(name)
        return None


class _Loop:
    """Stands for the worker's event loop, on which instances are constructed."""


_EXTERN_FUNCTIONS = {
    "__temporal_get_metric_meter": lambda: temporalio.common.MetricMeter.noop,
    # Which activities a worker has is not known here.
    "__temporal_assert_local_activity_valid": lambda _name: None,
}


def create(project, facts, activation, init) -> Instance:
    """The instance of a run that begins with `activation`."""
    worker = _Worker(project, facts)
    asyncio._set_running_loop(_Loop())
    try:
        return worker_module._WorkflowWorker._create_workflow_instance(worker, activation, init)
    finally:
        asyncio._set_running_loop(None)
