"""A tiny library that fixes the seed of Python's string hashes.

The interpreter draws the seed when it starts, inside the tool, where no environment
variable of ours reaches it; with a seed that differs, sets of strings would be iterated
in another order after each build, and a rebuild could not replay old histories. The
interpreter is linked from libraries, and so is every extension module beside it; the
constructors of all of them run before it starts. So this "extension module" is one
constructor: it sets PYTHONHASHSEED to 0.
"""

# What the linker takes for an extension module of the interpreter.
FILE_NAME = "mainspring_hash_seed.cpython-314-wasm32-wasi.so"

_NAME, _VALUE = b"PYTHONHASHSEED\0", b"0\0"
_I32, _CUSTOM, _TYPE, _IMPORT, _FUNCTION, _EXPORT, _CODE, _DATA = 0x7F, 0, 1, 2, 3, 7, 10, 11


def _number(value: int) -> bytes:
    """Unsigned LEB128; the signed form is the same below 64."""
    made = bytearray()
    while True:
        value, low = value >> 7, value & 0x7F
        made.append(low | (0x80 if value else 0))
        if not value:
            return bytes(made)


def _text(value: str) -> bytes:
    return _number(len(value)) + value.encode()


def _section(kind: int, content: bytes) -> bytes:
    return bytes([kind]) + _number(len(content)) + content


def _vector(*items: bytes) -> bytes:
    return _number(len(items)) + b"".join(items)


def library() -> bytes:
    """The library, as WebAssembly with the conventions of dynamic linking."""
    memory = _number(len(_NAME + _VALUE)) + _number(0) * 3
    needed = _vector(_text("libc.so"))
    linking = _text("dylink.0") + _section(1, memory) + _section(2, needed)
    setenv = bytes([0x60]) + _vector(*[bytes([_I32])] * 3) + _vector(bytes([_I32]))
    nothing = bytes([0x60]) + _vector() + _vector()
    env = _text("env")
    imports = _vector(
        env + _text("memory") + bytes([2, 0, 0]),
        env + _text("__memory_base") + bytes([3, _I32, 0]),
        env + _text("setenv") + bytes([0]) + _number(0),
    )
    base = bytes([0x23, 0])
    body = (
        base
        + (base + bytes([0x41]) + _number(len(_NAME)) + bytes([0x6A]))
        + bytes([0x41, 1])
        + bytes([0x10, 0, 0x1A, 0x0B])
    )
    function = _vector() + body
    data = bytes([0]) + base + bytes([0x0B]) + _number(len(_NAME + _VALUE)) + _NAME + _VALUE
    return b"\0asm\1\0\0\0" + b"".join(
        [
            _section(_CUSTOM, linking),
            _section(_TYPE, _vector(setenv, nothing)),
            _section(_IMPORT, imports),
            _section(_FUNCTION, _vector(_number(1))),
            _section(_EXPORT, _vector(_text("__wasm_call_ctors") + bytes([0]) + _number(1))),
            _section(_CODE, _vector(_number(len(function)) + function)),
            _section(_DATA, _vector(data)),
        ]
    )
