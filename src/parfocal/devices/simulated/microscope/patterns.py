"""What light modulators show, shared by the simulated sample's world with its cameras."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec
import numpy as np
from pydantic import Field

from parfocal.core.modulation import unpack_mask
from parfocal.devices.simulated.microscope.shared_state import SharedState

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_Side = Annotated[int, Field(ge=8, le=4096)]
Shape = tuple[_Side, _Side]
"""Pixels of a modulator, (y, x)."""
_BYTES = 1 << 22


class ModulatorPattern(msgspec.Struct, frozen=True, array_like=True):
    """A pattern since `since_ns`: its shape (y, x), its bits, row after row, and how many are set."""

    since_ns: int
    shape: tuple[int, int]
    bits: bytes
    lit: int

    @classmethod
    def packed(cls, bits: bytes, shape: tuple[int, int], now_ns: int) -> ModulatorPattern:
        """Return a pattern of packed bits; `BadInputError` if they are not of that shape."""
        return cls(now_ns, shape, bits, int(np.count_nonzero(unpack_mask(bits, shape))))

    @classmethod
    def blank(cls, shape: tuple[int, int], now_ns: int) -> ModulatorPattern:
        """Return a pattern that lets no light through."""
        return cls(now_ns, shape, bytes(-(-shape[0] * shape[1] // 8)), 0)

    def image(self) -> NDArray[np.uint8]:
        """Return it as an image of 0 and 1."""
        return unpack_mask(self.bits, self.shape)


def shared_patterns(folder: Path, world: str) -> SharedState[dict[str, ModulatorPattern]]:
    """Return what the world named `world` shares of its modulators with cameras of the same rig."""
    return SharedState(folder / f"{world}.patterns", dict[str, ModulatorPattern], _BYTES)
