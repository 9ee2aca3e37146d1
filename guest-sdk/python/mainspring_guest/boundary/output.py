"""Printing, logging and warnings: lines of the workflow log, silent in replay."""

import io
import logging
import sys
import warnings


class _Lines(io.TextIOBase):
    """A text stream whose lines are log lines."""

    encoding = "utf-8"
    errors = "backslashreplace"

    def __init__(self, level: str) -> None:
        self._level = level
        self._rest = ""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            self._log(line)
        return len(text)

    def end_line(self) -> None:
        """What was printed without a newline is a line all the same, at the end."""
        if self._rest:
            line, self._rest = self._rest, ""
            self._log(line)

    def _log(self, line: str) -> None:
        log(self._level, line, [])


class _Handler(logging.Handler):
    """Hands records to the workflow log."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = self.format(record)
        except Exception as error:
            text = f"{record.msg!r} could not be formatted: {error}"
        log(_level_of(record.levelno), text, [("logger", record.name)])


def _level_of(number: int) -> str:
    if number >= logging.ERROR:
        return "ERROR"
    if number >= logging.WARNING:
        return "WARN"
    if number >= logging.INFO:
        return "INFO"
    return "DEBUG"


def log(level: str, message: str, fields: list) -> None:
    from wit_world.imports import logging as host

    # An error here is no reason for a trap that may come later: the host keeps the last
    # error it was told, so only `errors` tells it one.
    level = "WARN" if level == "ERROR" else level
    host.log(host.Level[level], message, fields)


_out, _err = _Lines("INFO"), _Lines("WARN")


def install() -> None:
    root = logging.getLogger()
    root.addHandler(_Handler())
    root.setLevel(logging.INFO)
    logging.lastResort = None
    logging.raiseExceptions = False
    # The process and its threads have no names that mean anything.
    logging.logProcesses = logging.logThreads = logging.logMultiprocessing = False
    logging.logAsyncioTasks = False
    warnings.showwarning = _show_warning


def seal() -> None:
    """From here on nothing is printed by a build."""
    sys.stdout = sys.__stdout__ = _out
    sys.stderr = sys.__stderr__ = _err


def flush() -> None:
    _out.end_line()
    _err.end_line()


def _show_warning(message, category, filename, lineno, file=None, line=None) -> None:
    log("WARN", f"{filename}:{lineno}: {category.__name__}: {message}", [])
