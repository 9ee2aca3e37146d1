"""Imports: at build from the project and its packages, at run time from memory alone.

Sources of the project are compiled under their path in it, so that a stack names
`workflows.py` and not a folder of the build, and their lines are kept for stacks.
"""

import ast
import importlib
import importlib.abc
import importlib.machinery
import json
import linecache
import os
import sys
import tokenize

# Written by the build beside the sources: packages that were left out, with the reason.
LEFT_OUT = "mainspring_left_out.json"
# Marks the folder of the project's own sources on `sys.path`.
PROJECT_MARK = "mainspring_project.json"

# Modules of the standard library that others import when they are first called.
_LAZY = (
    "_strptime", "base64", "bisect", "calendar", "collections.abc",
    "concurrent.futures.thread", "contextlib", "copy", "csv", "datetime", "decimal", "difflib", "email.utils", "encodings.ascii",
    "encodings.cp1252", "encodings.idna", "encodings.latin_1", "encodings.punycode",
    "encodings.raw_unicode_escape", "encodings.unicode_escape", "encodings.utf_16",
    "encodings.utf_32", "encodings.utf_8_sig", "fractions", "functools", "graphlib",
    "hashlib", "heapq", "hmac", "html", "inspect", "ipaddress", "itertools", "json",
    "locale", "numbers", "pprint", "queue", "re", "secrets", "statistics", "string",
    "textwrap", "traceback", "unicodedata", "urllib.parse", "uuid", "warnings", "weakref",
    "zoneinfo",
)


class _ProjectLoader(importlib.machinery.SourceFileLoader):
    """Loads a source of the project under its name in the project."""

    def source_to_code(self, data, path, **options):
        shown = _shown(path)
        lines = data.decode(_encoding(data), "replace").splitlines(keepends=True)
        # Without a time of change: never looked up on disk again.
        linecache.cache[shown] = (len(data), None, lines, shown)
        _remember_late_imports(data)
        return super().source_to_code(data, shown, **options)

    def get_code(self, fullname):
        # Not from a cache of bytecode, whose names are those of the build.
        path = self.get_filename(fullname)
        return self.source_to_code(self.get_data(path), path)


class _LeftOutFinder(importlib.abc.MetaPathFinder):
    """Says of a package that was left out why, where it is imported."""

    def __init__(self, left_out: dict[str, str]) -> None:
        self._left_out = left_out

    def find_spec(self, name, path=None, target=None):
        # An extension module beside Python files that are there.
        reason = self._left_out.get(name) or self._left_out.get(name.partition(".")[0])
        if reason is None or (name not in self._left_out and name.partition(".")[0] in sys.modules):
            return None
        raise ImportError(reason, name=name)


class _SealedFinder(importlib.abc.MetaPathFinder):
    """Behind the build: what is not in memory cannot be had."""

    def __init__(self, reasons: dict[str, str]) -> None:
        self._reasons = reasons

    def find_spec(self, name, path=None, target=None):
        reason = self._reasons.get(name.partition(".")[0])
        raise ModuleNotFoundError(
            reason
            or f"module {name!r} is not in this component: nothing imported it when the "
            "component was built; import it at the top of a workflow file",
            name=name,
        )


_left_out: dict[str, str] = {}
_late_imports: dict[str, None] = {}


def install() -> None:
    global _left_out
    for folder in sys.path:
        path = os.path.join(folder, LEFT_OUT)
        if os.path.isfile(path):
            with open(path, encoding="utf-8") as file:
                _left_out = json.load(file)
            break
    sys.dont_write_bytecode = True
    sys.path_hooks.insert(0, _project_hook)
    sys.path_importer_cache.clear()
    sys.meta_path.insert(0, _LeftOutFinder(_left_out))


def _project_hook(folder: str):
    if not any(_is_below(folder, root) for root in _project_roots()):
        raise ImportError("not of the project", path=folder)
    details = (_ProjectLoader, importlib.machinery.SOURCE_SUFFIXES)
    return importlib.machinery.FileFinder(folder, details)


def _project_roots() -> list[str]:
    return [folder for folder in sys.path if os.path.isfile(os.path.join(folder, PROJECT_MARK))]


def _is_below(folder: str, root: str) -> bool:
    return folder == root or folder.startswith(root.rstrip("/") + "/")


def _shown(path: str) -> str:
    for root in _project_roots():
        if _is_below(path, root):
            return path[len(root) :].lstrip("/")
    return path


def _encoding(data: bytes) -> str:
    lines = iter(data.splitlines(keepends=True))
    return tokenize.detect_encoding(lambda: next(lines, b""))[0]


def _remember_late_imports(data: bytes) -> None:
    """Imports inside functions run when the component cannot import any more."""
    try:
        tree = ast.parse(data)
    except SyntaxError:
        return
    for function in ast.walk(tree):
        if not isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        for node in ast.walk(function):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    _late_imports[alias.name] = None
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                _late_imports[node.module] = None


def _import_contract() -> None:
    """The generated bindings: whoever calls the component's exports looks them up by name."""
    import wit_world.imports

    for folder in wit_world.imports.__path__:
        for entry in sorted(os.listdir(folder)):
            stem, ending = os.path.splitext(entry)
            if ending == ".py" and stem != "__init__":
                importlib.import_module(f"wit_world.imports.{stem}")


def seal() -> None:
    _import_contract()
    for name in (*_LAZY, *_late_imports):
        try:
            importlib.import_module(name)
        except Exception:
            # Whoever imports it at run time is told then.
            continue
    _prepare_zones()
    sys.meta_path[:] = [
        importlib.machinery.BuiltinImporter,
        importlib.machinery.FrozenImporter,
        _SealedFinder(_left_out),
    ]


def _prepare_zones() -> None:
    """Keeps the time zone data of the project's `tzdata` package, if it has one; that of
    the machine is none of a workflow's."""
    import io
    import zoneinfo

    zones = _zones()

    def load_tzdata(key: str):
        if key in zones:
            return io.BytesIO(zones[key])
        why = "" if zones else ": add the package tzdata to the project's requirements"
        raise zoneinfo.ZoneInfoNotFoundError(f"No time zone found with key {key}{why}")

    zoneinfo._common.load_tzdata = load_tzdata
    zoneinfo.reset_tzpath(())


def _zones() -> dict[str, bytes]:
    try:
        import tzdata
    except ImportError:
        return {}
    folder = os.path.dirname(tzdata.__file__)
    with open(os.path.join(folder, "zones"), encoding="utf-8") as file:
        names = file.read().split()
    zones = {}
    for name in names:
        with open(os.path.join(folder, "zoneinfo", *name.split("/")), "rb") as file:
            zones[name] = file.read()
    return zones
