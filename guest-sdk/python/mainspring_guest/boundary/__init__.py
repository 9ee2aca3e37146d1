"""What the standard library means inside a workflow.

Time and randomness have a meaning: the run's own. Output has one: the workflow log.
Files, sockets, threads and processes have none, and say so: an exception with a sentence,
which blocks the run with file and line, never a bare trap.

`install` runs before anything of the user's is imported; `seal` when the component is
complete, behind which nothing can be read or imported any more.
"""

from . import clock, entropy, errors, imports, output, refusals
from .errors import (
    OutOfReach,
    activation_failed,
    say_build_failed,
    say_error,
    say_exception,
)

__all__ = [
    "OutOfReach",
    "activation_failed",
    "begin_run",
    "install",
    "reading",
    "say_build_failed",
    "say_error",
    "say_exception",
    "seal",
    "set_time",
]

set_time = clock.set_time
begin_run = entropy.begin_run
reading = entropy.reading
flush = output.flush


def install() -> None:
    """Gives time, randomness, output and imports their meaning."""
    clock.install()
    entropy.install()
    output.install()
    imports.install()


def seal() -> None:
    """Closes what only the build may do, and tidies memory before its picture is taken."""
    imports.seal()
    refusals.install()
    output.seal()
    errors.install()
    _settle_memory()


def _settle_memory() -> None:
    import gc
    import sys

    sys.path_importer_cache.clear()
    gc.collect()
    # What is there now is in every run: the collector needs not look at it again.
    gc.freeze()
