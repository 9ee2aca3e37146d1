"""Loads the official library without the parts that no workflow can have.

`temporalio` has a native half (the bridge) and a half that speaks to servers (clients,
workers, test servers). A workflow runs on neither, but files that define workflows
import from both: for annotations, or for the `main` of a worker below
`if __name__ == "__main__"`. So these modules are there, and what is taken from them are
placeholders: they can be imported, named, subclassed and subscripted, and they refuse to
be used.

`install` must run before anything imports `temporalio`.
"""

import importlib.abc
import importlib.machinery
import importlib.util
import sys
import types

# The pure implementation: the accelerated ones are native.
PROTOBUF = ("PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION", "python")

# Modules whose every name is a placeholder.
REPLACED = (
    "temporalio.bridge.client",
    "temporalio.bridge.metric",
    "temporalio.bridge.runtime",
    "temporalio.bridge.services_generated",
    "temporalio.bridge.temporal_sdk_bridge",
    "temporalio.bridge.testing",
    "temporalio.bridge.worker",
    "temporalio.client",
    "temporalio.envconfig",
    "temporalio.plugin",
    "temporalio.runtime",
    "temporalio.service",
    "temporalio.testing",
    "temporalio.worker.workflow_sandbox",
)
# Modules of the standard library whose native half is not there, and which only activities
# can have a use for: files that hold both import them.
NATIVE_LIBRARY = ("ctypes", "curses", "dbm", "multiprocessing", "readline", "sqlite3", "tkinter")
# A package whose submodules are the library's own, and whose `__init__` is not run.
WORKER = "temporalio.worker"
# Where names of `temporalio.worker` that a workflow file may need are defined.
WORKER_PARTS = ("temporalio.worker._interceptor", "temporalio.worker._workflow_instance")
# Optional imports of the library that take the `ImportError` road.
ABSENT = ("grpc",)


class NotInWorkflow(RuntimeError):
    """Something was used that exists in workers and clients only."""


class _PlaceholderMeta(type):
    """Lets placeholders be used wherever a class is only named."""

    def __getattr__(cls, name: str):
        if name.startswith("__"):
            raise AttributeError(name)
        return placeholder(cls.__module__, f"{cls.__qualname__}.{name}")

    def __or__(cls, other):
        return cls

    __ror__ = __or__


def placeholder(module: str, name: str) -> type:
    """A class that stands for `module.name`."""

    def refuse(self, *args, **kwargs):
        raise NotInWorkflow(
            f"{module}.{name} belongs to clients, workers and activities; a workflow cannot use it"
        )

    # A subclass (an interceptor of client and worker at once) is the user's own, and works.
    def new(cls, *args, **kwargs):
        if cls is made:
            refuse(None)
        return object.__new__(cls)

    is_error = name.endswith(("Error", "Exception", "Warning"))
    namespace = {
        "__module__": module,
        "__class_getitem__": classmethod(lambda cls, _: cls),
        "__doc__": "Stands for a class of clients or workers.",
    }
    if is_error:
        # Caught and matched, never raised here.
        return type(name, (Exception,), namespace)
    namespace["__new__"] = new
    made = _PlaceholderMeta(name.rpartition(".")[2], (), namespace)
    return made


class _Replaced(types.ModuleType):
    """A module whose names are placeholders, made as they are asked for."""

    def __getattr__(self, name: str):
        if name.startswith("__"):
            raise AttributeError(name)
        value = placeholder(self.__name__, name)
        setattr(self, name, value)
        return value


class _WorkerPackage(types.ModuleType):
    """`temporalio.worker`: interceptors are real, workers are placeholders."""

    def __getattr__(self, name: str):
        # What begins with one underscore is a module of the package.
        if name.startswith("_"):
            raise AttributeError(name)
        for part in WORKER_PARTS:
            module = sys.modules.get(part)
            if module is not None and hasattr(module, name):
                value = getattr(module, name)
                break
        else:
            value = placeholder(self.__name__, name)
        setattr(self, name, value)
        return value


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds the replaced modules, and those below them."""

    def __init__(self, replaced: tuple[str, ...]) -> None:
        self._replaced = replaced

    def find_spec(self, name, path=None, target=None):
        if name in ABSENT:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        if any(name == known or name.startswith(known + ".") for known in self._replaced):
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        if name == WORKER:
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        return None

    def create_module(self, spec):
        if spec.name == WORKER:
            return _WorkerPackage(spec.name)
        return _Replaced(spec.name)

    def exec_module(self, module):
        if module.__name__ == WORKER:
            parent = sys.modules["temporalio"]
            module.__path__ = [f"{folder}/worker" for folder in parent.__path__]
        elif module.__name__ == "temporalio.service":
            module.__version__ = library_version()


def library_version() -> str:
    """The version of the library that the component was built with."""
    from importlib import metadata

    try:
        return metadata.version("temporalio")
    except metadata.PackageNotFoundError:
        return "unknown"


def install(placeholders: tuple[str, ...] = ()) -> None:
    """Makes `import temporalio` work. `placeholders`: packages of the user's that become
    placeholders too, since only activities use them."""
    import os

    os.environ[PROTOBUF[0]] = PROTOBUF[1]
    sys.meta_path.insert(0, _Finder((*REPLACED, *NATIVE_LIBRARY, *placeholders)))
    for part in WORKER_PARTS:
        importlib.import_module(part)
