"""Which part of the sample a stimulus really lit, and how well that is what was wanted. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from parfocal.core.modulation import unpack_mask

if TYPE_CHECKING:
    from numpy.typing import NDArray


class LitRegion(msgspec.Struct, frozen=True, kw_only=True):
    """What a modulator lit of the sample during the exposure of an event.

    Parameters
    ----------
    event : int
        Its number, as in the header of its frame.
    time_s : float
        Of the scene.
    x_um, y_um : float
        The place of the sample that was in the middle of `shape`.
    pixel_size_um : float
        Edge of a pixel of `lit`.
    shape : tuple of int
        (y, x) of `lit`, the whole sensor.
    lit : bytes
        Packed as a mask is.
    power, exposure_ms : float
        Mean power during the exposure, 0 to 1, and how long it was.
    """

    event: int
    time_s: float
    x_um: float
    y_um: float
    pixel_size_um: float
    shape: tuple[int, int]
    lit: bytes
    power: float
    exposure_ms: float

    def image(self) -> NDArray[np.uint8]:
        """Return it as an image of 0 and 1."""
        return unpack_mask(self.lit, self.shape)


def intersection_over_union(
    mask: NDArray[Any], x_um: float, y_um: float, pixel_size_um: float, lit: LitRegion
) -> float:
    """Compare what was wanted with what was lit, in the sample.

    Parameters
    ----------
    mask : ndarray
        (y, x) what should be lit.
    x_um, y_um : float
        The place of the sample in its middle, where the stage stood when the image was taken.
    pixel_size_um : float
        Edge of a pixel of the mask.
    lit : LitRegion
        What was lit.

    Returns
    -------
    float
        0 to 1, of the area of the sample that both cover or not; 1 if nothing was wanted or lit.

    Examples
    --------
    >>> from parfocal.core.modulation import pack_mask
    >>> image = np.zeros((4, 6), np.uint8)
    >>> image[:, 2:4] = 1
    >>> lit = LitRegion(
    ...     event=0,
    ...     time_s=0.0,
    ...     x_um=1.0,
    ...     y_um=0.0,
    ...     pixel_size_um=1.0,
    ...     shape=(4, 6),
    ...     lit=pack_mask(image),
    ...     power=1.0,
    ...     exposure_ms=1.0,
    ... )
    >>> intersection_over_union(image, 1.0, 0.0, 1.0, lit)
    1.0
    >>> round(intersection_over_union(image, 0.0, 0.0, 1.0, lit), 2)
    0.33
    """
    found = lit.image() != 0
    rows, columns = (
        np.rint((_places(found.shape[axis], lit.pixel_size_um, there) - here) / pixel_size_um
                + (mask.shape[axis] - 1) / 2).astype(np.int64)
        for axis, there, here in ((0, lit.y_um, y_um), (1, lit.x_um, x_um))
    )  # fmt: skip
    inside = _within(rows, mask.shape[0])[:, None] & _within(columns, mask.shape[1])
    taken = mask[rows.clip(0, mask.shape[0] - 1)][:, columns.clip(0, mask.shape[1] - 1)]
    wanted = inside & (taken != 0)
    union = np.count_nonzero(wanted | found)
    return float(np.count_nonzero(wanted & found) / union) if union else 1.0


def _places(count: int, pixel_um: float, middle_um: float) -> NDArray[np.float64]:
    return np.asarray((np.arange(count) - (count - 1) / 2) * pixel_um + middle_um, np.float64)


def _within(places: NDArray[np.int64], count: int) -> NDArray[np.bool_]:
    return (places >= 0) & (places < count)
