"""What a workflow cannot have: files, the network, threads, processes, a keyboard."""

import builtins
import io
import os
import sys

from .errors import OutOfReach

# Functions of the operating system that ask it nothing.
_HARMLESS = {
    "fspath", "strerror", "getcwd", "getcwdb", "getpid", "getppid", "cpu_count", "urandom",
    "getrandom", "putenv", "unsetenv", "register_at_fork", "waitstatus_to_exitcode",
    "get_terminal_size", "umask", "device_encoding", "isatty",
}
_HARMLESS_PREFIXES = ("WIF", "WEXIT", "WTERM", "WSTOP", "WCORE", "_path_norm", "_path_split", "_inputhook")

_FILES = "workflows can't touch files; read or write them in an activity"
_NETWORK = "workflows can't use the network; make the call in an activity"
_THREADS = (
    "workflows run on one thread; use asyncio tasks for what runs at once, an activity for "
    "what takes long"
)
_WAITS = (
    "it would wait for another thread, and there is none; use asyncio.Event, asyncio.Queue "
    "or workflow.wait_condition"
)
_PROCESSES = "workflows can't run programs; do it in an activity"


def _refusal(name: str, sentence: str):
    """A function that refuses to be called."""

    def refuse(*_arguments, **_options):
        raise OutOfReach(f"the workflow called {name}: {sentence}")

    refuse.__name__ = name.rpartition(".")[2]
    refuse.__qualname__ = refuse.__name__
    return refuse


def install() -> None:
    _refuse_files()
    _refuse_network()
    _refuse_threads_and_processes()
    builtins.input = _refusal("input", "nobody is at a keyboard; send the workflow a signal")
    builtins.breakpoint = _refusal("breakpoint", "there is nobody to debug in a workflow")


def _refuse_files() -> None:
    for name in ("open", "open_code", "FileIO"):
        setattr(io, name, _refusal(name, _FILES))
    builtins.open = io.open
    posix = sys.modules.get("posix")
    for name, value in list(vars(posix or os).items()):
        if not callable(value) or isinstance(value, type) or name in _HARMLESS:
            continue
        if name.startswith(_HARMLESS_PREFIXES) or name.startswith("__"):
            continue
        refusal = _refusal(f"os.{name}", _PROCESSES if name in _PROCESS_CALLS else _FILES)
        for module in (posix, os):
            if module is not None and hasattr(module, name):
                setattr(module, name, refusal)


_PROCESS_CALLS = {
    "system", "fork", "forkpty", "execv", "execve", "posix_spawn", "posix_spawnp", "kill",
    "killpg", "wait", "waitpid", "_exit", "abort", "pipe", "pipe2",
}


def _refuse_network() -> None:
    names = (
        "create_connection", "create_server", "getaddrinfo", "gethostbyname",
        "gethostbyname_ex", "gethostbyaddr", "gethostname", "getnameinfo", "getfqdn",
        "socketpair", "fromfd",
    )
    for module in (sys.modules.get("socket"), sys.modules.get("_socket")):
        for name in names:
            if hasattr(module, name):
                setattr(module, name, _refusal(f"socket.{name}", _NETWORK))
    if socket := sys.modules.get("socket"):
        socket.socket.__init__ = _refusal("socket.socket", _NETWORK)


def _refuse_threads_and_processes() -> None:
    import threading

    threading.Thread.start = _refusal("threading.Thread.start", _THREADS)
    threading.Timer.start = _refusal("threading.Timer.start", _THREADS)
    # Nobody else could ever end the wait: events, queues and semaphores come down to it.
    threading.Condition.wait = _refusal("threading.Condition.wait", _WAITS)
    if "_thread" in sys.modules:
        for name in ("start_new_thread", "start_new", "start_joinable_thread"):
            if hasattr(sys.modules["_thread"], name):
                setattr(sys.modules["_thread"], name, _refusal(f"_thread.{name}", _THREADS))
    if subprocess := sys.modules.get("subprocess"):
        subprocess.Popen.__init__ = _refusal("subprocess.Popen", _PROCESSES)
