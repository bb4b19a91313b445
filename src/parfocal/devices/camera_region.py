"""The region of a sensor that is read, as cameras are asked for one."""

from __future__ import annotations

from parfocal.core.errors import BadInputError

Region = tuple[int, int, int, int]
"""Left, top, width and height, pixels."""


def checked_region(left_px: int, top_px: int, width_px: int, height_px: int) -> Region:
    """Return a region that a sensor can have; how large the sensor is, its camera knows.

    Raises
    ------
    BadInputError
        If it begins before 0, or has no pixel.

    Examples
    --------
    >>> checked_region(0, 8, 64, 48)
    (0, 8, 64, 48)
    >>> checked_region(0, 8, 0, 0)
    Traceback (most recent call last):
    parfocal.core.errors.BadInputError: a region has a corner from 0 and at least one pixel, not (0, 8, 0, 0)
    """
    region = (left_px, top_px, width_px, height_px)
    if min(left_px, top_px) < 0 or min(width_px, height_px) < 1:
        raise BadInputError(f"a region has a corner from 0 and at least one pixel, not {region}")
    return region
