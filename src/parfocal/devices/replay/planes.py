"""Which plane of a file is which frame, and which pixels can be played: pure, for every kind of file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from parfocal.core.errors import DeviceError

if TYPE_CHECKING:
    from pathlib import Path

TIFF_SUFFIXES = (".tif", ".tiff")


def checked_dtype(dtype: Any, where: Path) -> np.dtype[Any]:
    """Return the pixel type in the byte order of this machine; refuse what is no grey image."""
    found: np.dtype[Any] = np.dtype(dtype)
    if found.kind not in "uif":
        raise DeviceError(f"cannot replay {where}: pixels of type {found} are no grey levels")
    return found.newbyteorder("=")


def plane_index(axes: str, shape: tuple[int, ...], frame: int, channel: int) -> tuple[int, ...]:
    """Return the index of a frame among all axes but y and x, of which it runs through all but the channel.

    Examples
    --------
    >>> [plane_index("tcyx", (3, 2, 5, 5), frame, channel=1) for frame in (0, 2)]
    [(0, 1), (2, 1)]
    >>> plane_index("tzyx", (3, 4, 5, 5), 5, channel=0)
    (1, 1)
    """
    outer = [n for axis, n in zip(axes, shape, strict=True) if axis not in "cyx"]
    running = iter(np.unravel_index(frame, outer) if outer else ())
    return tuple(channel if axis == "c" else int(next(running)) for axis in axes if axis not in "yx")


def frame_count(axes: str, shape: tuple[int, ...], channel: int, where: Path) -> int:
    """Return the number of frames of one channel; refuse colour, odd axes, and a missing channel."""
    sizes = dict(zip(axes, shape, strict=True))
    if "s" in sizes:
        raise DeviceError(f"cannot replay {where}: it is a colour image ({sizes['s']} samples a pixel)")
    if not axes.endswith("yx"):
        raise DeviceError(f"cannot replay {where}: its axes are {axes!r}, wanted are ones that end in 'yx'")
    if not 0 <= channel < sizes.get("c", 1):
        raise DeviceError(
            f"{where} has {sizes.get('c', 1)} channels, no channel {channel} (they count from 0)"
        )
    return int(np.prod([n for axis, n in sizes.items() if axis not in "cyx"], dtype=np.int64))
