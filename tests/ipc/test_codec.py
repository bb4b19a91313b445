from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from parfocal.core.errors import ProtocolError
from parfocal.core.messages import Command, ToService
from parfocal.ipc.codec import Decoder, encode


def there_and_back(value: Any) -> Any:
    return Decoder[Any](Any).decode([bytes(part) for part in encode(value)])


@given(hnp.arrays(hnp.scalar_dtypes(), hnp.array_shapes(min_dims=0, min_side=0, max_dims=4)))
def test_any_array_arrives_as_it_was(array: Any) -> None:
    arrived = there_and_back({"x": [array]})["x"][0]
    assert arrived.dtype == array.dtype
    assert arrived.shape == array.shape
    assert arrived.tobytes() == array.tobytes()


def test_structured_arrays_arrive_as_they_were() -> None:
    inner = np.dtype([("x", "<f4"), ("y", "<f4", (2,))])
    array = np.zeros(3, dtype=[("frame", "<u8"), ("at", inner)])
    array["at"]["y"] = 2.5
    arrived = there_and_back(array)
    assert arrived.dtype == array.dtype
    assert (arrived == array).all()


def test_the_arrays_memory_is_not_copied_into_the_message() -> None:
    array = np.arange(1000)
    parts = encode(array)
    assert len(parts) == 2
    assert np.shares_memory(np.frombuffer(parts[1], np.int64), array)


@dataclass
class Pair:
    a: int
    b: Path


def test_plain_things() -> None:
    value = [np.float32(1.5), np.int64(3), np.bool_(True), Path("a/b"), Pair(1, Path("c"))]
    assert there_and_back(value) == [1.5, 3, True, str(Path("a/b")), {"a": 1, "b": "c"}]


@pytest.mark.parametrize("value", [object(), lambda: 0, np.array([object()])])
def test_what_cannot_travel_is_refused(value: Any) -> None:
    with pytest.raises(TypeError, match="cannot travel"):
        encode(value)


@given(st.lists(st.binary(max_size=200), min_size=1, max_size=4))
def test_foreign_bytes_are_a_protocol_error(parts: list[bytes]) -> None:
    with pytest.raises(ProtocolError):
        Decoder[Any](ToService).decode(parts)


@given(st.data())
def test_damaged_messages_are_read_or_refused(data: st.DataObject) -> None:
    parts = [bytearray(part) for part in encode(Command("a-1", "scale", [np.arange(6.0)], {"factor": 2}))]
    damaged = parts[data.draw(st.integers(0, 1))]
    damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):
        parts.pop()
    with contextlib.suppress(ProtocolError):
        Decoder[Any](ToService).decode([bytes(part) for part in parts])
