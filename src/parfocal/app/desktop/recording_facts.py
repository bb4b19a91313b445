"""What a recording stores, and for how long there is room. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from parfocal.runs.acquisition_mode import parts_of
from parfocal.runs.status_text import bytes_text

if TYPE_CHECKING:
    from collections.abc import Mapping

_LONG_H, _SHORT_H = 100.0, 2.0


def bytes_per_s(mode: str, beads_bytes: Mapping[str, int], frame_bytes: int, rate_hz: float) -> float:
    """Return what a mode stores in a second, uncompressed.

    Examples
    --------
    >>> bytes_per_s("tracks+video", {"tracks": 100, "roi_video": 9000}, 1000, 50.0)
    55000.0
    """
    parts = parts_of(mode)
    tracks = beads_bytes.get("tracks", 0) if parts.tracks else 0
    video = beads_bytes.get("roi_video", 0) if parts.roi_video else 0
    return rate_hz * (tracks + video + (frame_bytes if parts.video else 0))


def room_text(free: int | None, per_s: float, seconds: float | None) -> tuple[str, bool]:
    """Return how much room there is in words, and whether that is too little.

    Examples
    --------
    >>> room_text(36_000_000_000, 1e6, 60.0)
    ('36 GB free: 10.0 hours at 1.0 MB/s; this one takes 60 MB', False)
    >>> room_text(30_000_000, 1e6, 60.0)[1], room_text(None, 1e6, None)
    (True, ('', False))
    """
    if free is None:
        return "", False
    told = f"{bytes_text(free)} free"
    if not per_s:
        return told, False
    hours = free / per_s / 3600
    length = f"more than {_LONG_H:.0f} hours" if hours > _LONG_H else f"{hours:.1f} hours"
    if hours < _SHORT_H:
        length = f"{hours * 60:.0f} minutes"
    told += f": {length} at {per_s * 1e-6:.1f} MB/s"
    if seconds:
        told += f"; this one takes {bytes_text(round(seconds * per_s))}"
    return told, bool(seconds and seconds * per_s > free) or hours * 60 < 1


def stored_text(mode: str) -> str:
    """Return what a mode stores, in words.

    Examples
    --------
    >>> stored_text("tracks+roi-video")
    'Stores the rows of all instruments, tracks, video of the regions.'
    """
    parts = parts_of(mode)
    told = [
        ("tracks", parts.tracks),
        ("video of the regions", parts.roi_video),
        ("whole frames", parts.video),
    ]
    return f"Stores the rows of all instruments, {', '.join(word for word, on in told if on)}."
