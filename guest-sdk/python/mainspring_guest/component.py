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


class WitWorld(wit_world.WitWorld):
    """What the host calls."""

    def __init__(self) -> None:
        self._run = None

    def describe(self):
        return DESCRIPTION

    def run(self, workflow_type, input):
        self._run = Run(PROJECT)
        return self._guarded(self._run.to_end, input)

    def answer_queries(self) -> None:
        self._guarded(self._run.answer_queries)

    def _guarded(self, call, *arguments):
        """Says why before an exception becomes a trap: the host keeps the last error."""
        try:
            return call(*arguments)
        except ActivationFailed as failed:
            boundary.say_error(failed.message, failed.place)
        except BaseException as error:
            boundary.say_exception(error)
        raise SystemExit(1)
