"""Time: the workflow's own, the same in replay; it stands still between two activations.

`datetime.now` and its like are C functions that ask the system themselves, so their
classes get new ones, put into the dictionaries behind the classes, which the interpreter
shows read-only. Nothing has looked them up before, so no cache knows the old ones.
"""

import datetime
import gc
import time
import types

from .errors import OutOfReach

# What the clock shows while the component is built: always the same.
BUILD_TIME_NS = 1_700_000_000_000_000_000

_now_ns = BUILD_TIME_NS

_gmtime, _ctime, _strftime = time.gmtime, time.ctime, time.strftime


def set_time(nanoseconds: int) -> None:
    global _now_ns
    _now_ns = nanoseconds


def _nanoseconds(*_clock) -> int:
    return _now_ns


def _seconds(*_clock) -> float:
    return _now_ns / 1e9


def _sleep(_seconds) -> None:
    raise OutOfReach(
        "time.sleep would hold up the whole workflow; use `await asyncio.sleep(...)` or "
        "`await workflow.sleep(...)`, which are durable timers"
    )


def _broken_down(seconds=None):
    return _gmtime(_seconds() if seconds is None else seconds)


def _text(seconds=None) -> str:
    return time.asctime(_broken_down(seconds))


def _format(form: str, when=None) -> str:
    return _strftime(form, _broken_down() if when is None else when)


def _clock_info(name: str) -> types.SimpleNamespace:
    return types.SimpleNamespace(
        implementation="the workflow's clock", monotonic=True, adjustable=False, resolution=1e-9
    )


def install() -> None:
    for name in ("time_ns", "monotonic_ns", "perf_counter_ns", "process_time_ns",
                 "thread_time_ns", "clock_gettime_ns"):
        setattr(time, name, _nanoseconds)
    for name in ("time", "monotonic", "perf_counter", "process_time", "thread_time",
                 "clock_gettime"):
        setattr(time, name, _seconds)
    time.sleep = _sleep
    time.get_clock_info = _clock_info
    # A workflow knows no place, so no time zone but UTC.
    time.gmtime = time.localtime = _broken_down
    _asctime = time.asctime
    time.asctime = lambda when=None: _asctime(_broken_down() if when is None else when)
    time.ctime = _text
    time.strftime = _format
    _install_datetime()
    import threading

    threading._time = _seconds


def _install_datetime() -> None:
    def now(cls, tz=None):
        utc = _of(cls, _now_ns, datetime.timezone.utc)
        if tz is None:
            return utc.replace(tzinfo=None)
        return utc if tz is datetime.timezone.utc else utc.astimezone(tz)

    def utcnow(cls):
        return _of(cls, _now_ns, None)

    def today(cls):
        return now(cls)

    def date_today(cls):
        return cls.fromtimestamp(_now_ns // 1_000_000_000)

    _put(datetime.datetime, now=now, utcnow=utcnow, today=today)
    _put(datetime.date, today=date_today)


_EPOCH_ORDINAL = datetime.date(1970, 1, 1).toordinal()


def _of(cls, nanoseconds: int, tz):
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    days, seconds = divmod(seconds, 86_400)
    day = datetime.date.fromordinal(_EPOCH_ORDINAL + days)
    hours, seconds = divmod(seconds, 3_600)
    minutes, seconds = divmod(seconds, 60)
    return cls(day.year, day.month, day.day, hours, minutes, seconds, rest // 1_000, tz)


def _put(cls: type, **functions) -> None:
    [attributes] = [held for held in gc.get_referents(cls.__dict__) if isinstance(held, dict)]
    for name, function in functions.items():
        function.__name__ = name
        function.__qualname__ = f"{cls.__name__}.{name}"
        attributes[name] = classmethod(function)
