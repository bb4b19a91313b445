"""What light modulators show, shared by the simulated sample's world with its cameras."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec
import numpy as np
from pydantic import Field

from parfocal.core.modulation import check_packed, lit_pixels, unpack_mask
from parfocal.devices.simulated.microscope.shared_state import SharedState

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

_Side = Annotated[int, Field(ge=8, le=4096)]
Shape = tuple[_Side, _Side]
"""Pixels of a modulator, (y, x)."""
_BYTES = 1 << 22
_HEAD_BYTES = 512
"""More than a pattern takes beside its bits, with its modulator's name."""
_KEPT = 4


class ModulatorPattern(msgspec.Struct, frozen=True, array_like=True):
    """A pattern since `since_ns`: its shape (y, x), and its bits, row after row; none if none is set.

    Every other one is blank, and all that are kept are written with each new one.
    """

    since_ns: int
    shape: tuple[int, int]
    lit_bits: bytes = b""

    @classmethod
    def packed(cls, bits: bytes, shape: tuple[int, int], now_ns: int) -> ModulatorPattern:
        """Return a pattern of packed bits; `BadInputError` if they are not of that shape."""
        check_packed(bits, shape)
        return cls(now_ns, shape, b"" if bits == bytes(len(bits)) else bits)

    @property
    def is_blank(self) -> bool:
        """Whether it lets no light through."""
        return not self.lit_bits

    @property
    def bits(self) -> bytes:
        """All of its bits, packed."""
        return self.lit_bits or bytes(-(-self.shape[0] * self.shape[1] // 8))

    @property
    def lit(self) -> int:
        """How many bits are set."""
        return lit_pixels(self.bits, self.shape)

    def image(self) -> NDArray[np.uint8]:
        """Return it as an image of 0 and 1."""
        return unpack_mask(self.bits, self.shape)


ShownPatterns = dict[str, tuple[ModulatorPattern, ...]]
"""The last patterns of each modulator, in the order in which they were shown: the last one is shown now."""


def pattern_at(patterns: Sequence[ModulatorPattern], now_ns: int) -> ModulatorPattern:
    """Return the one that was shown at a time, or the oldest one that is kept.

    Examples
    --------
    >>> blank = ModulatorPattern(100, (8, 8))
    >>> lit = ModulatorPattern.packed(bytes([255] * 8), (8, 8), 200)
    >>> [pattern_at((blank, lit), now_ns).lit for now_ns in (50, 199, 200)]
    [0, 0, 64]
    """
    return next((each for each in reversed(patterns) if each.since_ns <= now_ns), patterns[0])


def patterns_kept(shapes: Iterable[Shape]) -> int:
    """Return how many patterns of each modulator are kept: at most 4, fewer of very large ones.

    Examples
    --------
    >>> patterns_kept([(768, 1024)]), patterns_kept([(4096, 4096)])
    (4, 1)
    """
    bytes_of_all = sum(-(-height * width // 8) + _HEAD_BYTES for height, width in shapes)
    return min(_KEPT, max(1, _BYTES // max(1, bytes_of_all)))


def shared_patterns(folder: Path, world: str) -> SharedState[ShownPatterns]:
    """Return what the world named `world` shares of its modulators with cameras of the same rig."""
    return SharedState(folder / f"{world}.patterns", ShownPatterns, _BYTES)
