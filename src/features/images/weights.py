"""Weights of a network from PyTorch's legacy file, read as data: no code of the file can run.

Such a file is a row of pickles followed by raw numbers. A pickle is a program for a stack machine
that may name any function and call it. Here nothing is unpickled: `pickletools.genops` of the
standard library only splits the bytes into instructions, and the machine below obeys the few that
make numbers, texts, tuples and dicts. A name in the file (``GLOBAL``) stays a text; a call
(``REDUCE``) is obeyed for two texts only, and then does what is written here. No other
instruction is known, so any other file is refused.
"""

from collections.abc import Callable
from dataclasses import dataclass
import math
import pickletools
from typing import Any, BinaryIO

import numpy as np

from src.errors import SchemaError

__all__ = ["read_weights"]

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
_DICT = "collections OrderedDict"
_TENSOR = "torch._utils _rebuild_tensor_v2"
_TYPES = {"torch FloatStorage": np.dtype("<f4"), "torch LongStorage": np.dtype("<i8")}
_NAMES = {_DICT, _TENSOR, *_TYPES}
_MAX_BYTES = 500_000_000
_MARK = object()
_ARGUMENTS = {"BININT", "BININT1", "BININT2", "LONG1", "BINUNICODE"}
_CONSTANTS: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_DICT": dict,
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
    "MARK": lambda: _MARK,
}


@dataclass(frozen=True)
class _Name:
    """A name that the file gives; never looked up."""

    text: str


@dataclass(frozen=True)
class _Storage:
    """A row of numbers that follows the pickles."""

    key: str
    dtype: np.dtype
    n_values: int


@dataclass(frozen=True)
class _Tensor:
    """A view of a storage: where it starts, its shape and its steps, counted in values."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    steps: tuple[int, ...]


def read_weights(file: BinaryIO) -> dict[str, np.ndarray]:
    """Read the tensors of a state dict that PyTorch before 1.6 saved.

    Parameters
    ----------
    file : binary file
        At its start.

    Returns
    -------
    dict of str to array
        By parameter; float32 or int64, contiguous.

    Raises
    ------
    SchemaError
        If the file is no such state dict, holds anything but tensors, breaks off, or a tensor
        reaches outside its numbers.
    """
    try:
        return _read_weights(file)
    except (ValueError, IndexError, KeyError, TypeError, EOFError, AttributeError) as error:
        if isinstance(error, SchemaError):
            raise
        raise _refused(f"{type(error).__name__}: {error}") from None


def _read_weights(file: BinaryIO) -> dict[str, np.ndarray]:
    if _run(file) != _MAGIC or _run(file) != _PROTOCOL:
        raise _refused("another format")
    if not _run(file)["little_endian"]:
        raise _refused("numbers of a big-endian machine")
    tensors = _run(file)
    if not all(isinstance(tensor, _Tensor) for tensor in tensors.values()):
        raise _refused("something that is no tensor")
    storages = {tensor.storage.key: tensor.storage for tensor in tensors.values()}
    values = {key: _read_values(file, storages[key]) for key in _run(file)}
    return {name: _view(values[tensor.storage.key], tensor) for name, tensor in tensors.items()}


def _read_values(file: BinaryIO, storage: _Storage) -> np.ndarray:
    """Read one row of numbers after its length."""
    n_values = int.from_bytes(file.read(8), "little")
    n_bytes = n_values * storage.dtype.itemsize
    if n_values != storage.n_values or n_bytes > _MAX_BYTES:
        raise _refused(f"{n_values} values where {storage.n_values} are announced")
    content = file.read(n_bytes)
    if len(content) != n_bytes:
        raise _refused("a file that breaks off")
    return np.frombuffer(content, storage.dtype)


def _view(values: np.ndarray, tensor: _Tensor) -> np.ndarray:
    """Lay a tensor over its numbers, checked to stay inside them."""
    shape, steps, offset = tensor.shape, tensor.steps, tensor.offset
    last = offset + sum((n - 1) * step for n, step in zip(shape, steps, strict=True))
    is_inside = min((offset, *steps, *(n - 1 for n in shape))) >= 0 and last < len(values)
    if not is_inside or math.prod(shape) > len(values):
        raise _refused("a tensor that reaches outside its numbers")
    size = values.dtype.itemsize
    view = np.lib.stride_tricks.as_strided(
        values[offset:], shape, [step * size for step in steps], writeable=False
    )
    return np.ascontiguousarray(view).reshape(shape)


def _run(file: BinaryIO) -> Any:
    """Obey one pickle's instructions; the value it leaves."""
    stack: list = []
    memo: dict[int, Any] = {}
    for instruction, argument, _ in pickletools.genops(file):
        name = instruction.name
        if name == "STOP":
            return stack.pop()
        if name in _CONSTANTS:
            stack.append(_CONSTANTS[name]())
        elif name in _ARGUMENTS:
            stack.append(argument)
        elif name in ("BINPUT", "LONG_BINPUT"):
            memo[argument] = stack[-1]
        elif name in ("BINGET", "LONG_BINGET"):
            stack.append(memo[argument])
        elif name == "GLOBAL":
            stack.append(_known(argument))
        elif name in _STEPS:
            _STEPS[name](stack)
        elif name != "PROTO":
            raise _refused(f"the instruction {name}")
    raise _refused("a pickle that breaks off")


def _known(text: str) -> _Name:
    if text not in _NAMES:
        raise _refused(f"the name {text!r}")
    return _Name(text)


def _since_mark(stack: list) -> list:
    """Take off what lies above the last mark, and the mark."""
    place = max((i for i, value in enumerate(stack) if value is _MARK), default=None)
    if place is None:
        raise _refused("instructions that fit no value")
    taken = stack[place + 1 :]
    del stack[place:]
    return taken


def _tuple(stack: list) -> None:
    stack.append(tuple(_since_mark(stack)))


def _short_tuple(length: int) -> Callable[[list], None]:
    def build(stack: list) -> None:
        stack[-length:] = [tuple(stack[-length:])]

    return build


def _set_items(stack: list) -> None:
    items = _since_mark(stack)
    stack[-1].update(zip(items[::2], items[1::2], strict=True))


def _set_item(stack: list) -> None:
    value, key = stack.pop(), stack.pop()
    stack[-1][key] = value


def _append(stack: list) -> None:
    value = stack.pop()
    stack[-1].append(value)


def _append_items(stack: list) -> None:
    items = _since_mark(stack)
    stack[-1].extend(items)


def _storage(stack: list) -> None:
    """Understand what a pickle names outside itself: kind, type, key, device, length, view."""
    kind, name, key, _, n_values, _ = stack.pop()
    if kind != "storage":
        raise _refused(f"the outside value {kind!r}")
    stack.append(_Storage(key, _TYPES[name.text], n_values))


def _call(stack: list) -> None:
    """Make an empty dict or a tensor; nothing else can be asked for."""
    arguments, name = stack.pop(), stack.pop()
    if name == _Name(_DICT) and arguments == ():
        stack.append({})
    elif name == _Name(_TENSOR):
        storage, offset, shape, steps = arguments[:4]
        stack.append(_Tensor(storage, offset, shape, steps))
    else:
        raise _refused("a call that makes no tensor")


def _set_state(stack: list) -> None:
    """Leave out the notes that PyTorch hangs on a state dict."""
    stack.pop()


_STEPS: dict[str, Callable[[list], None]] = {
    "TUPLE": _tuple,
    "TUPLE1": _short_tuple(1),
    "TUPLE2": _short_tuple(2),
    "TUPLE3": _short_tuple(3),
    "SETITEM": _set_item,
    "SETITEMS": _set_items,
    "APPEND": _append,
    "APPENDS": _append_items,
    "BINPERSID": _storage,
    "REDUCE": _call,
    "BUILD": _set_state,
}


def _refused(found: str) -> SchemaError:
    return SchemaError(
        f"Expected weights of a network as PyTorch's legacy format has them, found {found}; "
        "install the package of the weights again."
    )
