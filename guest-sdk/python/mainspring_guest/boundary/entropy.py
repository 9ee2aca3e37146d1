"""Randomness: streams seeded from the run's recorded seed, the same in replay.

A query or a validator draws from a stream that is thrown away, so that it leaves no trace
in what the workflow draws later: in replay it does not take place.
"""

import os
import random
import sys
from contextlib import contextmanager

# While the component is built nothing may differ from one build to the next.
_BUILD_SEED = 0x6D61696E737072
# Tells the streams of one run apart.
_BYTES, _MODULE, _READ = b"bytes", b"module", b"read"

_RawRandom = random.Random.__base__
_stream = random.Random(_BUILD_SEED)
_seed = _BUILD_SEED


def begin_run(seed: int) -> None:
    """Seeds everything anew for the run that begins."""
    global _seed
    _seed = seed
    _stream.seed(_derived(_BYTES))
    random.seed(_derived(_MODULE))


def _derived(purpose: bytes) -> bytes:
    return _seed.to_bytes(8, "little") + purpose


@contextmanager
def reading():
    """While it lasts, what is drawn leaves no trace."""
    own, module = _stream.getstate(), random.getstate()
    _stream.seed(_derived(_READ + _BYTES))
    random.seed(_derived(_READ + _MODULE))
    try:
        yield
    finally:
        _stream.setstate(own)
        random.setstate(module)


def _draw(length: int) -> bytes:
    if length < 0:
        raise ValueError("negative argument not allowed")
    return _stream.randbytes(length)


def install() -> None:
    os.urandom = random._urandom = _draw
    if hasattr(os, "getrandom"):
        os.getrandom = lambda size, flags=0: _draw(size)
    for name in ("posix",):
        if name in sys.modules:
            sys.modules[name].urandom = _draw
    _install_random()
    random.seed(_BUILD_SEED)
    import uuid

    # The part of `uuid1` that says which machine made it: no machine.
    uuid._node = 0x0200_0000_0000


def _install_random() -> None:
    seed_with = random.Random.seed

    def new(cls, *_arguments, **_options):
        # An argument keeps the C function from asking the system for a seed.
        return _RawRandom.__new__(cls, 0)

    def seed(self, a=None, version=2):
        seed_with(self, _draw(32) if a is None else a, version)

    random.Random.__new__ = new
    random.Random.seed = seed
    # The module's own function is a method bound before.
    random.seed = random._inst.seed
