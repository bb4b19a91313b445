"""The patterns of a light modulator as its host sends and compares them: images, or bits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np

from parfocal.core.modulation import pack_mask
from parfocal.core.protocols import TakesPackedMask

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from parfocal.core.protocols import LightModulator

Compared = Literal["same", "blank", "other"]
"""What a modulator shows, beside what was sent last; what is blank and shall be is the same."""


class ModulatorPatterns(Protocol):
    """Patterns of one modulator. What `made` returns is kept by whoever shows it, and not changed."""

    def made(self, image: NDArray[np.uint8]) -> Any:
        """Return what is to be sent to show an image of 0 and 1 in the modulator's own pixels."""
        ...

    def show(self, made: Any) -> None:
        """Show it; raises as `LightModulator.show`."""
        ...

    def compare(self, made: Any) -> Compared:
        """Read back what is shown, and return how it compares."""
        ...


def patterns_of(device: LightModulator) -> ModulatorPatterns:
    """Return what shows patterns on a modulator: as bits if it takes those."""
    return _Bits(device) if isinstance(device, TakesPackedMask) else _Images(device)


class _Images:
    def __init__(self, device: LightModulator) -> None:
        self._device = device

    def made(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return image

    def show(self, made: NDArray[np.uint8]) -> None:
        self._device.show(made)

    def compare(self, made: NDArray[np.uint8]) -> Compared:
        shown = self._device.shown()
        if np.array_equal(shown, made):
            return "same"
        return "other" if shown.any() else "blank"


class _Bits:
    """Of an image of 600 x 800 px, to pack, unpack and compare takes as long as all else that is done."""

    def __init__(self, device: TakesPackedMask) -> None:
        self._device = device

    def made(self, image: NDArray[np.uint8]) -> bytes:
        return pack_mask(image)

    def show(self, made: bytes) -> None:
        self._device.show_packed(made)

    def compare(self, made: bytes) -> Compared:
        shown = self._device.shown_packed()
        if shown == made:
            return "same"
        return "blank" if shown == bytes(len(made)) else "other"
