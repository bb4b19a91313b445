"""What an acquisition records: tracks, video of the regions, whole frames. Pure."""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

from parfocal.core.errors import BadInputError, nearest

AcquisitionMode = Literal["tracks", "tracks+roi-video", "tracks+video", "roi-video", "video"]
MODES: tuple[AcquisitionMode, ...] = get_args(AcquisitionMode)


class ModeParts(NamedTuple):
    """What a mode records, beside the rows of devices that the recorder's settings name."""

    tracks: bool
    roi_video: bool
    video: bool


def parts_of(mode: str) -> ModeParts:
    """Return what a mode records.

    Raises
    ------
    BadInputError
        If there is no such mode; names the nearest.

    Examples
    --------
    >>> parts_of("tracks+roi-video")
    ModeParts(tracks=True, roi_video=True, video=False)
    >>> parts_of("tracks+vidio")
    Traceback (most recent call last):
    parfocal.core.errors.BadInputError: there is no mode 'tracks+vidio'; did you mean 'tracks+video'?
    """
    if mode not in MODES:
        raise BadInputError(f"there is no mode {mode!r}; {nearest(str(mode), MODES)}")
    parts = mode.split("+")
    return ModeParts("tracks" in parts, "roi-video" in parts, "video" in parts)
