"""The bytes of monitor_server: a header, then words. Pure.

::

    offset   0        1     2..3                4..7
             letter   0     words, little end   address, little end

    read     r header          ->  the same header, then the words
    write    w header, words   ->  the same header, once they are written

A header that asks for 0 words gets no answer at all, so none is ever made. The server maps 128 KiB at
a time, so no block may cross such a border.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from parfocal.core.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Iterator


READ = b"r"
WRITE = b"w"
HEADER = struct.Struct("<cxHI")
MAX_WORDS = 0xFFFF
MAPPED_BYTES = 0x20000
LOWEST, HIGHEST = 0x40000000, 0x407FFFFF
WORD = np.dtype("<u4")


class Piece(NamedTuple):
    """A part of a block that one transaction may carry."""

    address: int
    words: int

    def part_of(self, block: NDArray[Any], address: int) -> NDArray[Any]:
        """Return the piece's words of the block that begins at `address`, as a view."""
        start = (self.address - address) // 4
        return block[start : start + self.words]


def header(letter: bytes, address: int, words: int) -> bytes:
    """Return the 8 bytes that ask for, or announce, `words` words at `address`.

    Raises
    ------
    BadInputError
        If the server would not answer it: no words, too many, outside of the FPGA's memory, or across
        the end of one 128 KiB mapping.

    Examples
    --------
    >>> header(READ, 0x40100014, 1).hex()
    '7200010014001040'
    >>> header(READ, 0x40100014, 0)
    Traceback (most recent call last):
        ...
    parfocal.core.errors.BadInputError: 0 words at 0x40100014: a transaction carries 1 to 65535
    """
    if not 1 <= words <= MAX_WORDS:
        raise BadInputError(f"{words} words at {address:#x}: a transaction carries 1 to {MAX_WORDS}")
    check_range(address, words)
    if address // MAPPED_BYTES != (address + 4 * words - 1) // MAPPED_BYTES:
        raise BadInputError(f"{words} words at {address:#x} cross a 128 KiB border; split them with pieces()")
    return HEADER.pack(letter, words, address)


def check_range(address: int, words: int) -> None:
    """Raise `BadInputError` unless `words` whole words at `address` lie in the FPGA's memory."""
    if address % 4:
        raise BadInputError(f"address {address:#x} is not a multiple of 4")
    if words < 1 or address < LOWEST or address + 4 * words - 1 > HIGHEST:
        raise BadInputError(f"{words} words at {address:#x} do not lie in {LOWEST:#x} to {HIGHEST:#x}")


def pieces(address: int, words: int, most: int = MAX_WORDS) -> Iterator[Piece]:
    """Split a block at the 128 KiB borders and so that no piece has more than `most` words.

    Examples
    --------
    >>> [(hex(a), n) for a, n in pieces(0x4011FFF8, 5)]
    [('0x4011fff8', 2), ('0x40120000', 3)]
    """
    check_range(address, words)
    while words:
        to_border = (MAPPED_BYTES - address % MAPPED_BYTES) // 4
        now = min(words, most, to_border)
        yield Piece(address, now)
        address += 4 * now
        words -= now


def payload(words: NDArray[np.integer]) -> bytes:
    """Return the little-endian bytes of `words`, each taken modulo 2**32."""
    return (np.asarray(words).astype(np.int64) & 0xFFFFFFFF).astype(WORD).tobytes()
