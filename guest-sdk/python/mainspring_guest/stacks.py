"""Where the tasks of a run are suspended: the answers of the stack queries.

A task shows one frame of a suspended coroutine, the outermost; what it waits in is found
along the chain of what each coroutine awaits. Frames of the library are left out where
there are any of the user's.
"""

import linecache
from dataclasses import dataclass

from temporalio.api.sdk.v1 import (
    EnhancedStackTrace,
    StackTrace,
    StackTraceFileLocation,
    StackTraceFileSlice,
    StackTraceSDKInfo,
)

from . import NAME, VERSION

# A chain that contains itself ends too.
DEEPEST = 200


@dataclass
class Place:
    file: str
    line: int
    function: str

    @property
    def is_own(self) -> bool:
        return not self.file.startswith(("/", "<"))


def places(task) -> list[Place]:
    """The frames of a suspended task, outermost first."""
    found = []
    awaited = task.get_coro()
    while awaited is not None and len(found) < DEEPEST:
        frame = getattr(awaited, "cr_frame", None) or getattr(awaited, "gi_frame", None)
        if frame is not None:
            code = frame.f_code
            found.append(Place(code.co_filename, frame.f_lineno or 0, code.co_name))
        awaited = getattr(awaited, "cr_await", None) or getattr(awaited, "gi_yieldfrom", None)
    return [place for place in found if place.is_own] or found


def _in_order(tasks) -> list:
    return sorted(tasks, key=lambda task: task.get_name())


def text(tasks) -> str:
    """As tracebacks are written."""
    stacks = []
    for task in _in_order(tasks):
        lines = [f"Stack for {task.get_name()} (most recent call last):"]
        for place in places(task):
            lines.append(f'  File "{place.file}", line {place.line}, in {place.function}')
            if source := linecache.getline(place.file, place.line).strip():
                lines.append(f"    {source}")
        stacks.append("\n".join(lines))
    return "\n\n".join(stacks)


def enhanced(tasks) -> EnhancedStackTrace:
    """The same for programs, with the sources."""
    made = EnhancedStackTrace(sdk=StackTraceSDKInfo(name=NAME, version=VERSION))
    for task in _in_order(tasks):
        locations = []
        for place in places(task):
            lines = linecache.getlines(place.file)
            if lines and place.file not in made.sources:
                made.sources[place.file].CopyFrom(StackTraceFileSlice(content="".join(lines)))
            locations.append(
                StackTraceFileLocation(
                    file_path=place.file,
                    line=place.line,
                    column=-1,
                    function_name=place.function,
                    internal_code=not place.is_own,
                )
            )
        made.stacks.append(StackTrace(locations=locations))
    return made
