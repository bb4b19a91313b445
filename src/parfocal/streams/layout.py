"""The offsets of everything in a ring's file: pure arithmetic, no I/O.

::

    0        header words     who, how many, the writer's cursors, the account of former readers
    512      the spec         JSON
    16384    reader entries   one for each reader: cursor, lease, its account twice, name
    49152    index            frames only: in which slot a sequence number lies
    ...      slot headers     frames only: frame number and times of what lies in a slot
    ...      data             slots, or rows; begins at a multiple of 64 KiB

All cursors are aligned 8-byte words, each with one writer at a time, so that a store is seen whole or not
at all. A word's index counts words from the start of the file. What takes several words (an account) stands
in two buffers; the lowest bit of its version says which one is valid, so that one store replaces it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from parfocal.core.errors import BadInputError
from parfocal.core.frames import FrameHeader, FrameSpec, RowSpec, StreamSpec
from parfocal.core.known_types import known

MAGIC_NUMBER = int.from_bytes(b"parfocal", "little")
FORMAT = 2

# Header words: what the ring is, and who writes it.
MAGIC, VERSION, GENERATION, SLOTS, SPEC_BYTES, CLOSED = range(6)
IDENTITY, WRITER_WAITING, WRITER_PORT, REGISTRY, CREATED = range(6, 11)
# The first ring of a chain of generations, how many frames all earlier ones held, and who holds the lock.
ORIGIN, BEFORE, LOCKED_BY = range(11, 14)
# One more than the number that the producer would give its next frame; 0 if it does not tell.
NEXT_NUMBER = 14
# Header words: the writer's cursors, on a cache line of their own.
HEAD, TAIL, INTENT, BEGUN, ABANDONED = range(16, 21)
# Header words: the account of all readers whose entries others have by now.
FORMER_VERSION = 24
FORMER_BUFFERS = (32, 48)
# Header words: the writing process.
WRITER_VERSION = 25
WRITER_BUFFERS = (26, 28)

# Values of CLOSED.
OPEN, ENDED, SUPERSEDED = range(3)

SPEC_START = 512
ENTRIES_START = 16384
ENTRIES = 64
ENTRY_WORDS = 64

# Words of a reader's entry, counted from its first.
ACCOUNT_VERSION, CURSOR, BLOCKS, LEASE, WANTED, WAITING, PORT, NAME_BYTES, FOLLOWS = range(9)
ACCOUNT_BUFFERS = (16, 32)
NAME = 48
NAME_LIMIT = (ENTRY_WORDS - NAME) * 8

# Value of WRITER_WAITING that any step or end of a lease will do for; others are 0, or where readers must be.
ANY_STEP = 1

# Values of FOLLOWS: whether a reader goes on with the next generation, and whether it has got to this one.
STAYS, FOLLOWING, EXPECTED = range(3)

# A lease in one word: the first sequence number, and how many from there.
LEASE_COUNT_BITS = 20
LEASE_LIMIT = (1 << LEASE_COUNT_BITS) - 1

NEVER = (1 << 63) - 1
"""The cursor of a reader that wants nothing but the newest."""

SLOT_WORDS = 8
"""Before each slot's pixels: its sequence number, the columns of `HEADER_DTYPE`, and two to spare."""

HEADER_DTYPE = np.dtype([(name, "<i8") for name in FrameHeader.__struct_fields__])
"""Headers of many frames as one array: a column for each field of `FrameHeader`."""

_GRANULE = 65536
_SPEC_LIMIT = ENTRIES_START - SPEC_START
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
        if not 2 <= slots < LEASE_LIMIT and isinstance(spec, FrameSpec):
            raise BadInputError(f"slots must be from 2 to {LEASE_LIMIT - 1}, not {slots}")
        if slots < 2:
            raise BadInputError(f"a ring needs room for at least 2 rows, not {slots}")
        if len(encode_spec(spec)) > _SPEC_LIMIT:
            raise BadInputError(
                f"the description of a row takes more than {_SPEC_LIMIT} bytes: fewer columns"
            )
        index = ENTRIES_START + ENTRIES * ENTRY_WORDS * 8
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


def entry_base(entry: int) -> int:
    """Return the first word of the reader entry number `entry`."""
    return ENTRIES_START // 8 + entry * ENTRY_WORDS


def pack_lease(first: int, count: int) -> int:
    """Return the word that leases `count` sequence numbers from `first`; 0 leases nothing.

    Examples
    --------
    >>> unpack_lease(pack_lease(1000, 3))
    (1000, 1003)
    """
    return first << LEASE_COUNT_BITS | count


def unpack_lease(word: int) -> tuple[int, int]:
    """Return the first leased sequence number and the one after the last."""
    first = word >> LEASE_COUNT_BITS
    return first, first + (word & LEASE_LIMIT)


def encode_spec(spec: StreamSpec) -> bytes:
    """Return `spec` as it stands in the file."""
    return msgspec.json.encode(spec)


def decode_spec(text: bytes) -> StreamSpec:
    """Return the spec that `encode_spec` wrote; raises `msgspec.MsgspecError` for anything else."""
    return msgspec.json.decode(text, type=FrameSpec | RowSpec)


def _round_up(size: int, step: int) -> int:
    return -(-size // step) * step


known(FrameSpec | RowSpec)
