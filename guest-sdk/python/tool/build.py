"""The part of `mainspring component build` that Python does: called with a project, one
step at a time, by the interpreter of the tools' environment.

    build.py requirements PROJECT              what the project needs, as JSON
    build.py packages REQUIREMENTS FOLDER      installs it, without native code
    build.py component SETTINGS                makes the component

A mistake of the user's is a sentence on standard error and exit code 2.
"""

import json
import pathlib
import sys

from componentize import make_component
from packages import install
from project import Mistake, requirements


def main(arguments: list[str]) -> None:
    match arguments:
        case ["requirements", folder]:
            print(json.dumps(requirements(pathlib.Path(folder))))
        case ["packages", wanted, folder]:
            install(json.loads(wanted), pathlib.Path(folder))
        case ["component", settings]:
            print(json.dumps(make_component(json.loads(settings))))
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except Mistake as mistake:
        print(mistake, file=sys.stderr)
        sys.exit(2)
