"""How a mistake reaches the person who made it.

A run that cannot go on is blocked with a sentence and a place in the user's own source.
The host keeps the last error of the log and shows it when the code traps.
"""

import ast
import builtins
import linecache
import re
import sys
import traceback

# A frame in a formatted stack.
_FRAME = re.compile(r'File "(?P<file>[^"]+)", line (?P<line>\d+), in (?P<name>\S+)')
# Sources that are not the user's: their files have absolute names in the component.
_FOREIGN = ("/", "<")


class OutOfReach(RuntimeError):
    """Something that a workflow cannot have; the message says what to do instead."""


def install() -> None:
    # Lines of the user's sources are in the cache already; there are no files to look at.
    linecache.checkcache = lambda filename=None: None
    linecache.updatecache = lambda filename, module_globals=None, *_rest, **_more: []
    linecache.lazycache = lambda filename, module_globals: False
    builtins.compile, builtins.exec = _compile, _exec


# No file has such a name: half of a character cannot be encoded.
_NO_FILE = "\ud800"
_raw_compile, _raw_exec = compile, exec


def _compile(source, filename, mode, flags=0, dont_inherit=False, optimize=-1, **options):
    """`compile`, which looks for a file of the given name to quote a line that it cannot
    parse. (Stacks are drawn with carets, for which pieces of lines are parsed.) So it is
    first tried under a name that no file has."""
    if isinstance(source, ast.AST) or mode != "exec":
        return _raw_compile(source, filename, mode, flags, dont_inherit, optimize, **options)
    given = (mode, flags, dont_inherit, optimize)
    try:
        made = _raw_compile(source, _NO_FILE, *given, **options)
    except SyntaxError as error:
        error.filename = filename
        raise
    if flags & ast.PyCF_ONLY_AST:
        return made
    return _raw_compile(source, filename, *given, **options)


def _exec(source, globals=None, locals=None, /, **options):
    """`exec`, for the same reason."""
    if isinstance(source, (str, bytes)):
        source = _compile(source, "<string>", "exec")
    caller = sys._getframe(1)
    if globals is None:
        globals, locals = caller.f_globals, caller.f_locals if locals is None else locals
    _raw_exec(source, globals, globals if locals is None else locals, **options)


def say_error(message: str, place: str) -> None:
    from wit_world.imports import logging as host

    fields = [("panic", place)] if place else []
    host.log(host.Level.ERROR, message, fields)


def say_exception(error: BaseException) -> None:
    stack = "".join(traceback.format_tb(error.__traceback__))
    say_error(_sentence(type(error).__name__, str(error)), place_in(stack))


# What the build looks for in the output of its tool.
BUILD_FAILED = "mainspring-build-failed: "


def say_build_failed(error: BaseException) -> None:
    """Tells the build, in one line, why the project could not be loaded."""
    import json

    stack = "".join(traceback.format_tb(error.__traceback__))
    said = {"kind": type(error).__name__, "message": str(error), "place": place_in(stack)}
    if isinstance(error, SyntaxError):
        said["place"] = f"{error.filename}:{error.lineno}"
        said["message"] = error.msg
    if isinstance(error, ImportError):
        said["module"] = error.name
        said["package"] = _package_in(stack)
    print(BUILD_FAILED + json.dumps(said), file=sys.__stderr__, flush=True)


def _package_in(stack: str) -> str | None:
    """The package of others that the innermost frame outside of the library is in."""
    files = [frame["file"].split("/") for frame in _FRAME.finditer(stack)]
    for parts in reversed(files):
        # "/2/package/module.py": the folders of a build are numbered.
        if len(parts) > 2 and not parts[0] and parts[1].isdigit() and parts[2] != _OWN:
            return parts[2].removesuffix(".py")
    return None


# Our own package lies beside those of the project.
_OWN = "mainspring_guest"


def activation_failed(make, failure):
    """The exception for a failure that the library made of an activation."""
    kind = failure.application_failure_info.type or "Error"
    return make(_sentence(kind, failure.message), place_in(failure.stack_trace))


def _sentence(kind: str, message: str) -> str:
    return f"{kind}: {message}" if message else kind


def place_in(stack: str) -> str:
    """The innermost frame of the user's in a formatted stack, or else the innermost."""
    frames = list(_FRAME.finditer(stack))
    own = [frame for frame in frames if not frame["file"].startswith(_FOREIGN)]
    for frame in reversed(own or frames):
        return f"{frame['file']}:{frame['line']} in {frame['name']}"
    return ""
