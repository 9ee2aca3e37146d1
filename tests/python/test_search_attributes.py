"""Search attributes and memo through the official SDK and the official command line:
registered, set at the start, changed by code, found by lists."""

import asyncio
import json
import uuid
from datetime import datetime, timedelta, timezone

import pytest
import pytest_asyncio
from server import BINARY
from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import (
    AddSearchAttributesRequest,
    ListSearchAttributesRequest,
    RemoveSearchAttributesRequest,
)
from temporalio.api.workflowservice.v1 import (
    GetSearchAttributesRequest,
    ListClosedWorkflowExecutionsRequest,
    ListOpenWorkflowExecutionsRequest,
    ListWorkflowExecutionsRequest,
    ScanWorkflowExecutionsRequest,
    StartWorkflowExecutionRequest,
)
from temporalio.client import Client
from temporalio.common import RetryPolicy, SearchAttributeKey, SearchAttributePair, TypedSearchAttributes
from temporalio.service import RPCError, RPCStatusCode

NOTES = SearchAttributeKey.for_text("Notes")
COLOR = SearchAttributeKey.for_keyword("Color")
AMOUNT = SearchAttributeKey.for_int("Amount")
PRICE = SearchAttributeKey.for_float("Price")
PAID = SearchAttributeKey.for_bool("Paid")
DUE = SearchAttributeKey.for_datetime("DueAt")
TAGS = SearchAttributeKey.for_keyword_list("Tags")

TYPES = {
    "Notes": IndexedValueType.INDEXED_VALUE_TYPE_TEXT,
    "Color": IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
    "Amount": IndexedValueType.INDEXED_VALUE_TYPE_INT,
    "Price": IndexedValueType.INDEXED_VALUE_TYPE_DOUBLE,
    "Paid": IndexedValueType.INDEXED_VALUE_TYPE_BOOL,
    "DueAt": IndexedValueType.INDEXED_VALUE_TYPE_DATETIME,
    "Tags": IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD_LIST,
}
NEW_YEAR = datetime(2026, 1, 1, tzinfo=timezone.utc)
MANY = {f"Many{number}": IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD for number in range(101)}


async def add(client, types: dict, namespace: str = "default") -> None:
    request = AddSearchAttributesRequest(namespace=namespace, search_attributes=types)
    await client.operator_service.add_search_attributes(request)


@pytest_asyncio.fixture
async def known(client):
    """All seven types, registered."""
    await add(client, TYPES)
    return client


def values(**more) -> TypedSearchAttributes:
    keys = {key.name: key for key in (NOTES, COLOR, AMOUNT, PRICE, PAID, DUE, TAGS)}
    return TypedSearchAttributes(
        [SearchAttributePair(keys[name], value) for name, value in more.items()]
    )


def new_prefix() -> str:
    return f"search-{uuid.uuid4()}"


async def start(client, prefix: str, name: str, **attributes):
    return await client.start_workflow(
        "Labels", id=f"{prefix}-{name}", task_queue="kit", search_attributes=values(**attributes)
    )


async def found(client, prefix: str, query: str) -> list[str]:
    query = f"WorkflowId STARTS_WITH '{prefix}-' AND ({query})"
    runs = [run.id async for run in client.list_workflows(query)]
    assert (await client.count_workflows(query)).count == len(runs), query
    return [id.removeprefix(f"{prefix}-") for id in runs]


async def test_vis_04_every_type_is_set_at_the_start_shown_and_found(known):
    prefix = new_prefix()
    one = dict(
        Notes="The quick brown fox", Color="red", Amount=-7, Price=1.5, Paid=True,
        DueAt=NEW_YEAR, Tags=["a", "b"],
    )
    handle = await start(known, prefix, "one", **one)
    await start(
        known, prefix, "two", Notes="A lazy dog", Color="blue", Amount=40, Price=12.0,
        Paid=False, DueAt=NEW_YEAR + timedelta(hours=1), Tags=["b", "c"],
    )
    await start(known, prefix, "bare")

    described = (await handle.describe()).typed_search_attributes
    listed = [
        run async for run in known.list_workflows(f"WorkflowId = '{prefix}-one'")
    ][0].typed_search_attributes
    for shown in (described, listed):
        assert {pair.key.name: pair.value for pair in shown} == one
    event = (await handle.fetch_history()).events[0].workflow_execution_started_event_attributes
    payload = event.search_attributes.indexed_fields["Color"]
    assert (payload.data, payload.metadata["type"]) == (b'"red"', b"Keyword")

    for query, expected in [
        ("Color = 'red'", ["one"]),
        ("Color != 'red'", ["two"]),
        ("Color IN ('red', 'blue', 'green')", ["two", "one"]),
        ("Color STARTS_WITH 'b'", ["two"]),
        ("Color BETWEEN 'a' AND 'c'", ["two"]),
        ("Color IS NULL", ["bare"]),
        ("Color IS NOT NULL", ["two", "one"]),
        ("Amount < 0", ["one"]),
        ("Amount BETWEEN -7 AND 40", ["two", "one"]),
        ("Amount NOT IN (40)", ["one"]),
        ("Price >= 12", ["two"]),
        ("Price = 1.5", ["one"]),
        ("Paid = true", ["one"]),
        ("Paid != true", ["two"]),
        ("DueAt <= '2026-01-01T00:00:00Z'", ["one"]),
        ("DueAt > '2026-01-01T00:30:00+00:00'", ["two"]),
        ("Notes = 'QUICK dog'", ["two", "one"]),
        ("Notes = 'fox'", ["one"]),
        ("Notes != 'fox'", ["two"]),
        ("Notes = 'qui'", []),
        ("Tags = 'b'", ["two", "one"]),
        ("Tags = 'a' AND Tags = 'b'", ["one"]),
        ("Tags IN ('a', 'c')", ["two", "one"]),
        ("Tags NOT IN ('a')", ["two"]),
        ("Tags IS NULL OR (Paid = true AND Amount = -7)", ["bare", "one"]),
        ("NOT (Color = 'red' OR Amount > 50)", ["two"]),
    ]:
        assert await found(known, prefix, query) == expected, query
    query = f"WorkflowId STARTS_WITH '{prefix}-' AND Tags = 'b' GROUP BY ExecutionStatus"
    counted = await known.count_workflows(query)
    assert [(group.group_values[0], group.count) for group in counted.groups] == [("Running", 2)]


async def test_wf_27_code_changes_search_attributes_and_memo(known):
    prefix = new_prefix()
    handle = await known.start_workflow(
        "Labels", id=f"{prefix}-run", task_queue="kit", memo={"by": "ada", "draft": True},
        search_attributes=values(Color="red", Tags=["a"]),
    )
    change = {
        "search_attributes": {
            "Color": "green", "Tags": None, "Amount": 3, "Notes": "changed by code",
            "Price": 0.25, "Paid": False, "DueAt": "2026-01-01T00:00:00Z",
        },
        "memo": {"draft": None, "pages": [1, 2]},
    }
    await handle.signal("change", change)
    assert await handle.query("seen", "Color") == ["green", None]
    assert await handle.query("seen", "Tags") == [None, None]
    assert await handle.query("seen", "pages") == [None, [1, 2]]
    expected = dict(
        Notes="changed by code", Color="green", Amount=3, Price=0.25, Paid=False, DueAt=NEW_YEAR
    )
    described = await handle.describe()
    listed = [run async for run in known.list_workflows(f"WorkflowId = '{prefix}-run'")][0]
    for shown in (described, listed):
        attributes = shown.typed_search_attributes
        assert {pair.key.name: pair.value for pair in attributes} == expected
        assert await shown.memo() == {"by": "ada", "pages": [1, 2]}
    assert await found(known, prefix, "Color = 'green' AND Notes = 'code'") == ["run"]
    assert await found(known, prefix, "Color = 'red' OR Tags = 'a'") == []
    events = [event async for event in handle.fetch_history_events()]
    upserted = [e for e in events if e.HasField("upsert_workflow_search_attributes_event_attributes")]
    fields = upserted[0].upsert_workflow_search_attributes_event_attributes.search_attributes
    assert fields.indexed_fields["Amount"].metadata["type"] == b"Int"
    modified = [e for e in events if e.HasField("workflow_properties_modified_event_attributes")]
    assert len(upserted) == len(modified) == 1

    await handle.signal("change", {"search_attributes": {"Color": "blue"}, "last": True})
    await handle.result()
    assert await found(known, prefix, "Color = 'blue' AND ExecutionStatus = 'Completed'") == ["run"]
    assert await handle.query("seen", "Color") == ["blue", None]
    assert await (await handle.describe()).memo() == {"by": "ada", "pages": [1, 2]}


async def test_wf_27_what_a_run_has_changed_goes_on_in_the_next(known):
    prefix = new_prefix()
    handle = await known.start_workflow(
        "Labels", id=f"{prefix}-run", task_queue="kit", memo={"by": "ada", "draft": True},
        search_attributes=values(Color="red", Amount=1),
        retry_policy=RetryPolicy(initial_interval=timedelta(milliseconds=10)),
    )
    change = {"search_attributes": {"Color": "green", "Tags": ["a"]}, "memo": {"draft": None}}
    await handle.signal("change", change)
    latest = known.get_workflow_handle(handle.id)
    expected = {"Color": "green", "Amount": 1, "Tags": ["a"]}
    # Once by its own wish, once because it failed, where nothing changed in between.
    for number, how in enumerate(({"continues": True}, {"fails": True}), 1):
        await latest.signal("change", how)
        async with asyncio.timeout(30):
            while len(await found(known, prefix, "WorkflowType = 'Labels'")) != number + 1:
                await asyncio.sleep(0.05)
        described = await latest.describe()
        attributes = described.typed_search_attributes
        assert {pair.key.name: pair.value for pair in attributes} == expected
        assert await described.memo() == {"by": "ada"}
        running = "ExecutionStatus = 'Running' AND Color = 'green' AND Tags = 'a' AND Amount = 1"
        assert await found(known, prefix, running) == ["run"]
    await latest.terminate()


async def test_vis_04_an_upsert_of_what_is_not_there_blocks_the_run_until_it_is(known):
    prefix, name = new_prefix(), f"Late{uuid.uuid4().hex}"
    handle = await start(known, prefix, "run")
    await handle.signal("change", {"search_attributes": {name: "x"}, "last": True})
    problems = (
        "TemporalReportedProblems IN ('category=WorkflowTaskFailed') AND "
        "TemporalReportedProblems = 'cause=WorkflowTaskFailedCauseBadSearchAttributes'"
    )
    async with asyncio.timeout(30):
        while await found(known, prefix, problems) != ["run"]:
            await asyncio.sleep(0.05)
    listed = [run async for run in known.list_workflows(f"WorkflowId = '{prefix}-run'")][0]
    shown = listed.search_attributes["TemporalReportedProblems"]
    assert shown[0] == "category=WorkflowTaskFailed"
    events = [event async for event in handle.fetch_history_events()]
    failed = [e for e in events if e.HasField("workflow_task_failed_event_attributes")]
    message = failed[0].workflow_task_failed_event_attributes.failure.message
    assert f"{name} is not defined" in message and "search-attribute create" in message

    await add(known, {name: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD})
    async with asyncio.timeout(60):
        await handle.result()
    assert await found(known, prefix, "TemporalReportedProblems IS NULL") == ["run"]
    assert await found(known, prefix, f"{name} = 'x'") == ["run"]
    # A blocked run that is removed from the list by its own close.
    other = await start(known, prefix, "other")
    await other.signal("change", {"search_attributes": {"Amount": "many"}})
    async with asyncio.timeout(30):
        while await found(known, prefix, problems) != ["other"]:
            await asyncio.sleep(0.05)
    await other.terminate()
    assert await found(known, prefix, "TemporalReportedProblems IS NOT NULL") == []


async def test_vis_01_a_list_shows_what_was_acknowledged_before_it(known):
    prefix = new_prefix()

    async def one(number: int) -> None:
        handle = await start(known, prefix, str(number), Amount=number)
        assert await found(known, prefix, f"Amount = {number}") == [str(number)]
        change = {"search_attributes": {"Amount": number + 1000}, "last": True}
        await handle.signal("change", change)
        await handle.result()
        assert await found(known, prefix, f"Amount = {number}") == []
        closed = f"Amount = {number + 1000} AND ExecutionStatus = 'Completed'"
        assert await found(known, prefix, closed) == [str(number)]

    await asyncio.gather(*(one(number) for number in range(20)))
    assert len(await found(known, prefix, "Amount >= 1000")) == 20


async def refused(call, part: str, status=RPCStatusCode.INVALID_ARGUMENT) -> None:
    with pytest.raises(RPCError) as error:
        await call
    assert part in error.value.message, error.value.message
    assert error.value.status == status


async def test_vis_04_what_is_wrong_with_a_start_is_named(known):
    await add(known, MANY)

    def starting(fields: dict, memo: dict | None = None, encoding: bytes = b"json/plain"):
        request = StartWorkflowExecutionRequest(
            namespace="default", workflow_id=str(uuid.uuid4()), request_id=str(uuid.uuid4())
        )
        request.workflow_type.name, request.task_queue.name = "Labels", "kit"
        for name, value in fields.items():
            payload = Payload(metadata={"encoding": encoding}, data=json.dumps(value).encode())
            request.search_attributes.indexed_fields[name].CopyFrom(payload)
        for name, value in (memo or {}).items():
            payload = Payload(metadata={"encoding": b"json/plain"}, data=json.dumps(value).encode())
            request.memo.fields[name].CopyFrom(payload)
        return known.workflow_service.start_workflow_execution(request)

    for fields, part in [
        ({"Shape": "round"}, "search attribute Shape is not defined"),
        ({"WorkflowId": "mine"}, "search attribute WorkflowId is not defined"),
        ({"Amount": "seven"}, "Amount of type Int: expected a whole number"),
        ({"Paid": 1}, "Paid of type Bool: expected true or false"),
        ({"DueAt": "soon"}, "DueAt of type Datetime: expected a time"),
        ({"Tags": [1]}, "Tags of type KeywordList: expected a list of texts"),
        ({"Color": ["a", "b"]}, "Color of type Keyword"),
        ({"TemporalReportedProblems": ["x"]}, "set by the server"),
        ({"Color": "x" * 2048}, "limit search-attribute-bytes"),
        ({name: "x" for name in MANY}, "limit run-search-attributes"),
        ({f"Many{n}": "x" * 2000 for n in range(30)}, "limit run-search-attribute-bytes"),
    ]:
        await refused(starting(fields), part)
    await refused(starting({"Color": "x"}, encoding=b"binary/encrypted"), "need json/plain")
    await refused(starting({}, memo={"note": "x" * 2 * 1024 * 1024}), "limit memo-bytes")
    # Clients without types send a list of one, or say nothing of the type.
    await starting({"Color": ["red"], "Amount": 1, "Tags": "alone", "Paid": None})


async def test_ops_05_search_attributes_are_registered_by_namespace(client):
    name = f"Own{uuid.uuid4().hex}"
    keyword = IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD
    integer = IndexedValueType.INDEXED_VALUE_TYPE_INT
    operator = client.operator_service

    async def listed(namespace: str = "default"):
        request = ListSearchAttributesRequest(namespace=namespace)
        return await operator.list_search_attributes(request)

    await add(client, {name: keyword})
    await add(client, {name: keyword})
    attributes = await listed()
    assert attributes.custom_attributes[name] == keyword
    assert attributes.system_attributes["WorkflowId"] == keyword
    assert "TemporalReportedProblems" in attributes.system_attributes
    assert "TemporalReportedProblems" not in attributes.custom_attributes
    keys = (await client.workflow_service.get_search_attributes(GetSearchAttributesRequest())).keys
    assert keys[name] == keyword and "ExecutionStatus" in keys

    await refused(add(client, {name: integer}), "already exists", RPCStatusCode.ALREADY_EXISTS)
    for bad, part in [
        ({"WorkflowType": keyword}, "reserved by system"),
        ({"TemporalOwn": keyword}, "reserved by system"),
        ({"1st": keyword}, "begins with a letter"),
        ({"a'b": keyword}, "is invalid"),
        ({"Fine": 0}, "Unable to parse search attribute type of Fine"),
        ({}, "not set on request"),
    ]:
        await refused(add(client, bad), part)

    def removing(*names: str):
        request = RemoveSearchAttributesRequest(namespace="default", search_attributes=names)
        return operator.remove_search_attributes(request)

    prefix = new_prefix()
    own = SearchAttributeKey.for_keyword(name)
    handle = await client.start_workflow(
        "Labels", id=f"{prefix}-run", task_queue="kit",
        search_attributes=TypedSearchAttributes([SearchAttributePair(own, "x")]),
    )
    await removing(name)
    await refused(found(client, prefix, f"{name} = 'x'"), f"{name} is no attribute")
    assert not list((await handle.describe()).typed_search_attributes)
    assert name not in (await listed()).custom_attributes
    await refused(removing(name), "doesn't exist", RPCStatusCode.NOT_FOUND)
    await refused(removing("WorkflowType"), "Unable to remove non-custom")
    await add(client, {name: keyword})
    assert await found(client, prefix, f"{name} = 'x'") == ["run"]
    await refused(listed("nowhere"), "nowhere", RPCStatusCode.NOT_FOUND)


async def test_ops_05_a_namespace_has_its_own_and_no_more_than_it_may(server):
    run = asyncio.get_running_loop().run_in_executor
    namespace = f"own-{uuid.uuid4()}"
    await run(None, server.run, BINARY, "namespace", "create", namespace)
    client = await Client.connect(server.address, namespace=namespace)
    many = {f"A{number}": IndexedValueType.INDEXED_VALUE_TYPE_INT for number in range(1000)}
    await add(client, many, namespace)
    one_more = add(client, {"B": IndexedValueType.INDEXED_VALUE_TYPE_INT}, namespace)
    await refused(one_more, "limit search-attributes", RPCStatusCode.RESOURCE_EXHAUSTED)
    with pytest.raises(RPCError, match="Color is no attribute"):
        await client.count_workflows("Color = 'red'")


async def test_vis_01_the_older_lists(known):
    prefix = new_prefix()
    opened = await start(known, prefix, "open", Color="red")
    closed = await start(known, prefix, "closed", Color="red")
    await closed.signal("change", {"last": True})
    await closed.result()
    service = known.workflow_service
    one = lambda handle: {"execution_filter": {"workflow_id": handle.id}}

    async def ids(call, request) -> list[str]:
        answer = await call(request)
        return [info.execution.workflow_id for info in answer.executions]

    for handle, in_open, in_closed in [(opened, 1, 0), (closed, 0, 1)]:
        request = ListOpenWorkflowExecutionsRequest(namespace="default", **one(handle))
        assert await ids(service.list_open_workflow_executions, request) == [handle.id] * in_open
        request = ListClosedWorkflowExecutionsRequest(namespace="default", **one(handle))
        assert await ids(service.list_closed_workflow_executions, request) == [handle.id] * in_closed
    request = ListClosedWorkflowExecutionsRequest(
        namespace="default", maximum_page_size=1, type_filter={"name": "Labels"}
    )
    assert await ids(service.list_closed_workflow_executions, request) == [closed.id]
    request = ListClosedWorkflowExecutionsRequest(namespace="default", status_filter={"status": 3})
    request.start_time_filter.earliest_time.FromDatetime(datetime.now(timezone.utc))
    assert await ids(service.list_closed_workflow_executions, request) == []
    request = ListClosedWorkflowExecutionsRequest(namespace="default", status_filter={"status": 1})
    await refused(service.list_closed_workflow_executions(request), "StatusFilter")

    # Page by page, newest first.
    query = f"WorkflowId STARTS_WITH '{prefix}-'"
    seen, token = [], b""
    while True:
        request = ScanWorkflowExecutionsRequest(
            namespace="default", query=query, page_size=1, next_page_token=token
        )
        page = await service.scan_workflow_executions(request)
        seen += [info.execution.workflow_id for info in page.executions]
        token = page.next_page_token
        if not token:
            break
    assert seen == [closed.id, opened.id]
    request = ListOpenWorkflowExecutionsRequest(namespace="default", next_page_token=b"x")
    await refused(service.list_open_workflow_executions(request), "Invalid NextPageToken")
    request = ListWorkflowExecutionsRequest(namespace="default", query="Color = 'red' ORDER BY Tags")
    await refused(service.list_workflow_executions(request), "several values of Tags")


async def test_vis_01_a_list_is_sorted_by_a_search_attribute_of_one_value(known):
    prefix = new_prefix()
    # By run: numbers as numbers, text by its letters, false before true; two without.
    runs = {
        "a": dict(Amount=10, Price=2.5, Color="blue", Paid=True, DueAt=NEW_YEAR),
        "b": dict(Amount=9, Price=-1.0, Color="green", Paid=False, DueAt=NEW_YEAR),
        "c": dict(Amount=-3, Price=10.0, Color="Red", DueAt=NEW_YEAR - timedelta(days=1)),
        "d": dict(Amount=9),
        "e": {},
        "f": {},
    }
    for name, attributes in runs.items():
        await start(known, prefix, name, **attributes)
    for order, expected in [
        # Of equal values the newest is first, and last the other way round.
        ("Amount", "cdbafe"),
        ("Amount ASC", "cdbafe"),
        ("Amount DESC", "abdcfe"),
        ("Price", "bacfed"),
        ("Color DESC", "bacfed"),
        ("Paid", "bafedc"),
        ("DueAt DESC", "abcfed"),
    ]:
        query = f"WorkflowId STARTS_WITH '{prefix}-' ORDER BY {order}"
        for page_size in (1, 2, 4, 1_000):
            listed = known.list_workflows(query, page_size=page_size)
            names = [run.id.removeprefix(f"{prefix}-") async for run in listed]
            assert "".join(names) == expected, (order, page_size)
    request = ListWorkflowExecutionsRequest(namespace="default", query="ORDER BY Notes")
    await refused(known.workflow_service.list_workflow_executions(request), "several values of Notes")


def test_the_command_lines_create_list_and_remove(server):
    for program in (
        lambda *words, **more: server.temporal("operator", *words, **more),
        lambda *words, **more: server.run(BINARY, *words, **more),
    ):
        names = [f"Cli{uuid.uuid4().hex}" for _ in range(2)]
        program(
            "search-attribute", "create", "--name", names[0], "--type", "Keyword",
            "--name", names[1], "--type", "Int",
        )
        listed = program("search-attribute", "list").stdout
        lines = {line.split()[0]: line.split()[1] for line in listed.splitlines() if line.strip()}
        assert (lines[names[0]], lines[names[1]]) == ("Keyword", "Int")
        assert lines["ExecutionStatus"] == "Keyword"
        for start in (server.temporal, lambda *words, **more: server.run(BINARY, *words, **more)):
            workflow_id = f"cli-{uuid.uuid4()}"
            start(
                "workflow", "start", "--type", "Labels", "--task-queue", "kit",
                "--workflow-id", workflow_id, "--memo", "note=[1]",
                "--search-attribute", f'{names[0]}="{workflow_id}"',
                "--search-attribute", f"{names[1]}=5",
            )
            query = f"{names[0]} = '{workflow_id}' AND {names[1]} = 5"
            assert workflow_id in start("workflow", "list", "--query", query).stdout
            assert "Total: 1" in start("workflow", "count", "--query", query).stdout
            described = start("workflow", "describe", "--workflow-id", workflow_id).stdout
            assert names[0] in described and "note" in described
        refused = server.run(
            BINARY, "workflow", "start", "--type", "Labels", "--task-queue", "kit",
            "--search-attribute", f'{names[1]}="five"', check=False,
        )
        assert f"{names[1]} of type Int" in refused.stderr
        program("search-attribute", "remove", "--name", names[0], "--name", names[1], "--yes")
        assert names[0] not in program("search-attribute", "list").stdout
        refused = program("search-attribute", "remove", "--name", names[0], "--yes", check=False)
        assert "doesn't exist" in refused.stdout + refused.stderr
