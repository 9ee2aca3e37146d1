"""The component's exports. `componentize-py` imports this module while it builds, takes
a picture of memory, and calls `WitWorld` in the picture from then on."""

from . import boundary

boundary.install()

from . import official
from . import project as projects

official.install(projects.placeholders())

import wit_world

from . import describe as description

try:
    PROJECT = projects.load()
except BaseException as error:
    boundary.say_build_failed(error)
    raise

from .run import ActivationFailed, Run

DESCRIPTION = description.describe(PROJECT)
boundary.seal()


# The run of this instance; the exports are methods of a new object at every call.
_run: Run | None = None


class WitWorld(wit_world.WitWorld):
    """What the host calls."""

    def describe(self):
        return DESCRIPTION

    def run(self, workflow_type, input):
        def begin():
            global _run
            _run = Run(PROJECT)
            return _run.to_end(input)

        return _guarded(begin)

    def answer_queries(self) -> None:
        _guarded(lambda: _run.answer_queries())


def _guarded(call):
    """Says why before an exception becomes a trap: the host keeps the last error."""
    try:
        return call()
    except ActivationFailed as failed:
        boundary.say_error(failed.message, failed.place)
    except BaseException as error:
        boundary.say_exception(error)
    raise SystemExit(1)
