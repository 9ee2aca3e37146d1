"""The guest's code outside of a component: generated bindings, and a host that is a test's.

These tests run in a process of their own: loading the library for a workflow replaces its
clients and workers.
"""

import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]


def _bindings() -> str:
    """The bindings of the contract, as a build generates them."""
    folder = tempfile.mkdtemp(prefix="bindings-")
    tool = pathlib.Path(sys.executable).parent / "componentize-py"
    command = [tool, "-d", ROOT / "wit", "-w", "workflow", "bindings", folder]
    subprocess.run([str(word) for word in command], check=True, capture_output=True)
    # Bindings of a component for a server that keeps no markers have no such module.
    (pathlib.Path(folder) / "wit_world/imports/versions.py").unlink()
    return folder


sys.path[:0] = [str(HERE), str(HERE.parent), _bindings()]

from mainspring_guest import official

official.install()
