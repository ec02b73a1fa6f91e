import io
import os
import pickle
import struct

import numpy as np
import pytest

from src.errors import SchemaError
from src.features.images.weights import read_weights

MAGIC = pickle.dumps(0x1950A86A20F9469CFC6C, 2)
PROTOCOL = pickle.dumps(1001, 2)
SYSTEM = pickle.dumps({"little_endian": True}, 2)
VALUES = (0.0, 1.0, 2.0, 3.0, 4.0, 5.0)


def text(value):
    content = value.encode()
    return b"X" + struct.pack("<I", len(content)) + content


def numbers(values):
    return b"(" + b"".join(b"J" + struct.pack("<i", value) for value in values) + b"t"


def tensor(key="k", n_values=6, offset=0, shape=(2, 3), steps=(3, 1), kind=b"torch\nFloatStorage"):
    """Instructions for one tensor, as PyTorch writes them."""
    storage = b"(" + text("storage") + b"c" + kind + b"\n" + text(key) + text("cpu")
    storage += b"J" + struct.pack("<i", n_values) + b"Nt" + b"Q"
    arguments = storage + b"J" + struct.pack("<i", offset) + numbers(shape) + numbers(steps)
    hooks = b"\x89ccollections\nOrderedDict\n)R"
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + arguments + hooks + b"tR"


def state(**tensors):
    items = b"".join(text(name) + content for name, content in tensors.items())
    return b"\x80\x02ccollections\nOrderedDict\n)R(" + items + b"u."


def raw(values=VALUES, n_values=None):
    length = struct.pack("<q", len(values) if n_values is None else n_values)
    return length + struct.pack(f"<{len(values)}f", *values)


def legacy(tensors, keys=("k",), rest=None):
    parts = (MAGIC, PROTOCOL, SYSTEM, tensors, pickle.dumps(list(keys), 2), rest or raw())
    return io.BytesIO(b"".join(parts))


def test_a_tensor_is_read_row_by_row():
    weights = read_weights(legacy(state(w=tensor())))
    assert weights["w"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert weights["w"].dtype == np.float32


def test_steps_say_how_numbers_lie():
    weights = read_weights(legacy(state(w=tensor(steps=(1, 2)))))  # column by column
    assert weights["w"].tolist() == [[0, 2, 4], [1, 3, 5]]


def test_two_tensors_may_share_their_numbers():
    head, tail = tensor(shape=(2,), steps=(1,)), tensor(offset=4, shape=(2,), steps=(1,))
    weights = read_weights(legacy(state(head=head, tail=tail)))
    assert (weights["head"].tolist(), weights["tail"].tolist()) == ([0, 1], [4, 5])


def test_a_count_is_a_whole_number_without_shape():
    count = tensor(n_values=1, shape=(), steps=(), kind=b"torch\nLongStorage")
    weights = read_weights(legacy(state(n=count), rest=struct.pack("<qq", 1, 7)))
    assert (weights["n"].item(), weights["n"].shape) == (7, ())


class _Runs:
    """Writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("place", range(4))
def test_no_code_of_the_file_runs(tmp_path, place, protocol):
    mark = tmp_path / "ran"
    hostile = pickle.dumps(_Runs(mark), protocol)
    pickle.loads(hostile)
    assert mark.exists(), "the file is hostile indeed"
    mark.unlink()
    parts = [MAGIC, PROTOCOL, SYSTEM, state(w=tensor())]
    parts[place] = hostile
    with pytest.raises(SchemaError):
        read_weights(io.BytesIO(b"".join(parts)))
    assert not mark.exists()


@pytest.mark.parametrize(
    "call",
    [
        b"cbuiltins\neval\n" + text("1") + b"\x85R",
        b"cnumpy\nload\n)R",
        b"ctorch\nFloatStorage\n)R",  # a known name that may not be called
        b"ccollections\nOrderedDict\n" + text("x") + b"\x85R",
        b"(" + text("1") + b"ios\nsystem\n",
        b"\x8c\x02os\x8c\x06system\x93",
        b"ccollections\nOrderedDict\n)\x81",
        b"\x82\x01",
    ],
    ids=["eval", "load", "storage", "arguments", "INST", "STACK_GLOBAL", "NEWOBJ", "EXT1"],
)
def test_only_two_calls_are_known(call):
    with pytest.raises(SchemaError, match="install the package of the weights again"):
        read_weights(legacy(b"\x80\x04" + call + b"."))


@pytest.mark.parametrize(
    "change",
    [
        {"shape": (2, 4)},
        {"offset": 1},
        {"offset": -1},
        {"steps": (-3, 1)},
        {"steps": (0, 0), "shape": (1 << 30, 1 << 30)},
        {"shape": (-1, 3)},
        {"shape": (2,)},
        {"n_values": 7},
        {"key": "other"},
        {"kind": b"torch\nHalfStorage"},
    ],
    ids=str,
)
def test_a_tensor_outside_its_numbers_is_refused(change):
    with pytest.raises(SchemaError, match="install the package of the weights again"):
        read_weights(legacy(state(w=tensor(**change))))


def test_a_length_that_lies_is_refused():
    with pytest.raises(SchemaError, match="1099511627776 values where 6 are announced"):
        read_weights(legacy(state(w=tensor()), rest=raw(n_values=1 << 40)))


def test_what_is_no_tensor_is_refused():
    with pytest.raises(SchemaError, match="no tensor"):
        read_weights(legacy(state(w=text("x"))))


def test_a_file_that_breaks_off_anywhere_is_refused():
    content = legacy(state(w=tensor())).getvalue()
    for length in range(len(content)):
        with pytest.raises(SchemaError, match="install the package of the weights again"):
            read_weights(io.BytesIO(content[:length]))


@pytest.mark.filterwarnings("ignore:invalid escape sequence")  # in a spoilt name
def test_spoilt_bytes_are_read_or_refused_but_nothing_else():
    content = np.frombuffer(legacy(state(w=tensor())).getvalue(), dtype=np.uint8)
    rng = np.random.default_rng(0)
    n_refused = 0
    for _ in range(3000):
        spoilt = content.copy()
        spoilt[rng.integers(0, len(spoilt), 2)] = rng.integers(0, 256, 2)
        try:
            read_weights(io.BytesIO(spoilt.tobytes()))
        except SchemaError:
            n_refused += 1
    assert n_refused > 2000
