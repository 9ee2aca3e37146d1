"""Which handle of the contract belongs to which sequence number of the library.

The library numbers the operations of each kind by themselves; the contract numbers all
of them together. An operation is forgotten when it has its answer, or when the library
expects none any more (a timer that it cancelled).
"""

from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    ACTIVITY = "activity"
    TIMER = "timer"
    CHILD = "child workflow"
    SIGNAL = "signal"
    CANCEL = "cancel request"


@dataclass
class Operation:
    kind: Kind
    seq: int
    handle: int
    # Of children.
    workflow_id: str = ""
    workflow_type: str = ""
    started: bool = False


class Operations:
    """The open operations of a run."""

    def __init__(self) -> None:
        self._by_handle: dict[int, Operation] = {}
        self._by_seq: dict[tuple[Kind, int], Operation] = {}
        # Children stay known after they have closed: a signal to one is refused by the host.
        self._children: dict[str, list[int]] = {}

    def add(self, operation: Operation) -> None:
        self._by_handle[operation.handle] = operation
        self._by_seq[operation.kind, operation.seq] = operation
        if operation.kind is Kind.CHILD:
            self._children.setdefault(operation.workflow_id, []).append(operation.handle)

    def of_handle(self, handle: int) -> Operation | None:
        return self._by_handle.get(handle)

    def of_seq(self, kind: Kind, seq: int) -> Operation | None:
        return self._by_seq.get((kind, seq))

    def child(self, workflow_id: str) -> int | None:
        """The handle of the latest child that has this ID."""
        handles = self._children.get(workflow_id)
        return handles[-1] if handles else None

    def not_started(self, operation: Operation) -> None:
        """The ID means an earlier child again, which had it first."""
        self._children[operation.workflow_id].remove(operation.handle)

    def forget(self, operation: Operation) -> None:
        self._by_handle.pop(operation.handle, None)
        self._by_seq.pop((operation.kind, operation.seq), None)
