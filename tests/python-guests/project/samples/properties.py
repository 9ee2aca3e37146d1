"""What a run shows of itself: memo, search attributes, details, info, logs."""

import asyncio
from datetime import timedelta

from temporalio import workflow
from temporalio.common import SearchAttributeKey

from samples.context import tenant

COLOUR = SearchAttributeKey.for_keyword("Colour")
COUNT = SearchAttributeKey.for_int("Count")


@workflow.defn
class PropertiesWorkflow:
    @workflow.run
    async def run(self) -> dict[str, object]:
        seen: dict[str, object] = {
            "memo": workflow.memo_value("from", type_hint=str),
            "colour": workflow.info().typed_search_attributes.get(COLOUR),
        }
        workflow.upsert_memo({"stage": "working", "from": None})
        workflow.upsert_search_attributes([COLOUR.value_set("blue"), COUNT.value_set(2)])
        seen["colour after"] = workflow.info().typed_search_attributes.get(COLOUR)
        await asyncio.sleep(0.01)
        workflow.upsert_search_attributes([COUNT.value_unset()])
        workflow.set_current_details("nearly **done**")
        await workflow.sleep(timedelta(milliseconds=10), summary="a short rest")
        return seen


@workflow.defn
class InfoWorkflow:
    @workflow.run
    async def run(self) -> dict[str, object]:
        info = workflow.info()
        return {
            "workflow_id": info.workflow_id,
            "workflow_type": info.workflow_type,
            "task_queue": info.task_queue,
            "namespace": info.namespace,
            "attempt": info.attempt,
            "run_timeout": info.run_timeout.total_seconds() if info.run_timeout else None,
            "first": info.first_execution_run_id == info.run_id,
            "history": info.get_current_history_length() > 0,
            "started": info.workflow_start_time <= workflow.now(),
            "parent": info.parent,
            "root": info.root.workflow_id if info.root else None,
            "priority": info.priority.priority_key,
            "headers": sorted(info.headers),
            "tenant": tenant.get(),
        }


@workflow.defn
class StackWorkflow:
    @workflow.run
    async def run(self) -> None:
        await self.deep()

    async def deep(self) -> None:
        await asyncio.sleep(1000)
