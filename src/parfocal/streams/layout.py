"""Where everything lies in a ring's file: pure arithmetic, no I/O.

::

    0        header words     who, how many, the writer's cursors
    512      the spec         JSON
    16384    seats            one for each reader: cursor, lease, two banks of its ledger, name
    49152    index            frames only: in which slot a sequence number lies
    ...      slot headers     frames only: frame number and times of what lies in a slot
    ...      data             slots, or rows; begins at a multiple of 64 KiB

All cursors are aligned 8-byte words, each with one writer at a time, so that a store is seen whole or not
at all. A word's index counts words from the start of the file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from parfocal.core.errors import BadInputError
from parfocal.core.frames import FrameSpec, RowSpec, StreamSpec

MAGIC_NUMBER = int.from_bytes(b"parfocal", "little")
FORMAT = 1

# Header words: what the ring is, and who writes it.
MAGIC, VERSION, GENERATION, SLOTS, SPEC_BYTES, CLOSED = range(6)
IDENTITY, WRITER_PID, WRITER_STARTED, WRITER_WAITING, WRITER_PORT, REGISTRY, CREATED = range(6, 13)
# Header words: the writer's cursors, on a cache line of their own.
HEAD, TAIL, INTENT, BEGUN, ABANDONED = range(16, 21)

# Values of CLOSED.
OPEN, ENDED, SUPERSEDED = range(3)

SPEC_START = 512
SEATS_START = 16384
SEATS = 64
SEAT_WORDS = 64

# Words of a seat, counted from its first.
TURN, CURSOR, BLOCKS, PIN, WANTED, WAITING, PORT, NAME_BYTES = range(8)
BANKS = (8, 24)
NAME = 40
NAME_LIMIT = (SEAT_WORDS - NAME) * 8

# A lease in one word: the first sequence number, and how many from there.
PIN_COUNT_BITS = 20
PIN_LIMIT = (1 << PIN_COUNT_BITS) - 1

NEVER = (1 << 63) - 1
"""The cursor of a reader that wants nothing but the newest."""

SLOT_WORDS = 8
"""Before each slot's pixels: its sequence number, the four columns of `HEADER_DTYPE`, and three to spare."""

HEADER_DTYPE = np.dtype([("frame", "<i8"), ("time_ns", "<i8"), ("utc_ns", "<i8"), ("exposure_ns", "<i8")])
"""Headers of many frames as one array: a column for each field of `FrameHeader`."""

_GRANULE = 65536
_SPEC_LIMIT = SEATS_START - SPEC_START
_PAGE = 4096
_LINE = 64


@dataclass(frozen=True, slots=True)
class Layout:
    """Offsets of one ring, in bytes from the start of its file.

    Examples
    --------
    >>> layout = Layout.of(FrameSpec(shape=(512, 512), dtype="uint16"), slots=8)
    >>> layout.stride, layout.size - layout.data
    (524288, 4194304)
    """

    spec: StreamSpec
    slots: int
    index: int
    headers: int
    data: int
    stride: int
    size: int

    @classmethod
    def of(cls, spec: StreamSpec, slots: int) -> Layout:
        """Return where everything of a ring with `slots` frames (or rows) of `spec` lies."""
        if not 2 <= slots < PIN_LIMIT and isinstance(spec, FrameSpec):
            raise BadInputError(f"slots must be from 2 to {PIN_LIMIT - 1}, not {slots}")
        if slots < 2:
            raise BadInputError(f"a ring needs room for at least 2 rows, not {slots}")
        if len(encode_spec(spec)) > _SPEC_LIMIT:
            raise BadInputError(
                f"the description of a row takes more than {_SPEC_LIMIT} bytes: fewer columns"
            )
        index = SEATS_START + SEATS * SEAT_WORDS * 8
        if isinstance(spec, RowSpec):
            headers = index
            after = headers
            stride = spec.numpy_dtype.itemsize
        else:
            headers = _round_up(index + slots * 8, _LINE)
            after = headers + slots * SLOT_WORDS * 8
            stride = _round_up(spec.nbytes, _PAGE if spec.nbytes >= _PAGE else _LINE)
        data = _round_up(after, _GRANULE)
        return cls(spec, slots, index, headers, data, stride, data + stride * slots)

    @property
    def item_dtype(self) -> np.dtype[Any]:
        """The dtype of a pixel, or of a row."""
        return self.spec.numpy_dtype if isinstance(self.spec, RowSpec) else np.dtype(self.spec.dtype)


def seat_base(seat: int) -> int:
    """Return the first word of seat number `seat`."""
    return SEATS_START // 8 + seat * SEAT_WORDS


def pack_pin(first: int, count: int) -> int:
    """Return the word that leases `count` sequence numbers from `first`; 0 leases nothing.

    Examples
    --------
    >>> unpack_pin(pack_pin(1000, 3))
    (1000, 1003)
    """
    return first << PIN_COUNT_BITS | count


def unpack_pin(word: int) -> tuple[int, int]:
    """Return the first leased sequence number and the one after the last."""
    first = word >> PIN_COUNT_BITS
    return first, first + (word & PIN_LIMIT)


def encode_spec(spec: StreamSpec) -> bytes:
    """Return `spec` as it stands in the file."""
    return msgspec.json.encode(spec)


def decode_spec(text: bytes) -> StreamSpec:
    """Return the spec that `encode_spec` wrote; raises `msgspec.MsgspecError` for anything else."""
    return msgspec.json.decode(text, type=FrameSpec | RowSpec)


def _round_up(size: int, step: int) -> int:
    return -(-size // step) * step
