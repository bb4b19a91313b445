from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parfocal.core.errors import ProtocolError
from parfocal.ipc.codec import Incoming, frames, opening

SIZES = st.sampled_from([0, 1, 255, 256, 65_534, 65_535, 65_536, 65_537, 200_000]) | st.integers(0, 600)


def received(data: bytes, cuts: list[int]) -> tuple[Incoming, list[list[bytes]]]:
    """Give `data` in pieces of these sizes, round and round."""
    incoming, messages, at, turn = Incoming(), [], 0, 0
    while at < len(data):
        room = incoming.room()
        count = min(cuts[turn % len(cuts)], len(room), len(data) - at)
        room[:count] = data[at : at + count]
        messages += incoming.take(count)
        at, turn = at + count, turn + 1
    return incoming, [[bytes(part) for part in parts] for parts in messages]


@given(
    st.lists(st.lists(SIZES, min_size=1, max_size=4), max_size=6),
    st.lists(st.integers(1, 70_000) | st.integers(1, 40), min_size=1, max_size=5),
)
def test_messages_survive_any_cut(sizes: list[list[int]], cuts: list[int]) -> None:
    sent = [[bytes([n % 251]) * size for n, size in enumerate(parts)] for parts in sizes]
    data = opening("ROUTER") + b"".join(b"".join(frames(parts)) for parts in sent)
    if sum(map(sum, sizes)) > 10_000:
        cuts = [cut + 500 for cut in cuts]  # byte by byte takes long
    incoming, messages = received(data, cuts)
    assert messages == sent
    assert incoming.ready


def test_received_arrays_may_be_written_into() -> None:
    incoming = Incoming()
    for size in (10, 100_000):
        data = (b"" if incoming.ready else opening("ROUTER")) + b"".join(frames([bytes(size)]))
        messages: list[list[memoryview]] = []
        while data:
            room = incoming.room()
            count = min(len(room), len(data))
            room[:count], data = data[:count], data[count:]
            messages += incoming.take(count)
        assert not messages[0][0].readonly


def test_strangers_are_refused() -> None:
    with pytest.raises(ProtocolError, match="no greeting"):
        received(b"HTTP/1.1 400 Bad Request\r\n" + bytes(80), [1000])
    error = b"\x05ERROR\x0bInvalid key"
    with pytest.raises(ProtocolError, match="Invalid key"):
        received(opening("ROUTER")[:64] + bytes((4, len(error))) + error, [1000])
    with pytest.raises(ProtocolError, match="no room in memory"):
        received(opening("ROUTER") + b"\x02" + (2**62).to_bytes(8, "big"), [1000])
