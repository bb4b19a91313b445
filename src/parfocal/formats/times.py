"""When each image of a movie was taken: from its planes' own times, its interval, a given rate, or nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from parfocal.formats.contents import Contents
    from parfocal.formats.options import MovieOptions
    from parfocal.formats.selection import Selection

UNSTATED = "untold"
"""Who tells the times of a movie of which nobody does: only the number of the image is known then."""


def image_times_s(
    contents: Contents, selection: Selection, options: MovieOptions
) -> tuple[NDArray[np.float64] | None, str]:
    """Return seconds since the first image for each one, and who says so; None and `UNTOLD` if nobody does.

    A rate that was given counts most, then times that each plane carries, if all do and they increase, then
    the interval, if the movie runs through time alone.
    """
    numbers = selection.grid.astype(np.float64)
    if options.frame_rate_hz is not None:
        return numbers / options.frame_rate_hz, "given frame rate"
    if contents.plane_times_s is not None:
        times = contents.plane_times_s.ravel()[selection.planes]
        if np.isfinite(times).all() and (np.diff(times) > 0).all() and len(times) > 1:
            return times - times[0], contents.plane_times_from
    interval = contents.interval_s
    if interval is not None and not set(selection.axes) & set("pzc"):
        return numbers * interval.value, interval.source
    return None, UNSTATED
