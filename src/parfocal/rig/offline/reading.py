"""Reads the images of a record, for the workers of a pipeline, in whichever process they are."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from parfocal.core.errors import StorageError
from parfocal.storage.recorded_run import open_run

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from parfocal.core.frames import FrameHeader
    from parfocal.storage.recorded_frames import RecordedFrames

STORED_IMAGE = "parfocal.rig.offline.reading:stored_image"
"""The address of `stored_image`, for workers."""


def stored_image(folder: str, stream: str, header: FrameHeader) -> NDArray[Any]:
    """Return the pixels (y, x) of a frame, by the number of its event in the layout of the record.

    For a process that works on one record: that is opened once.

    Raises
    ------
    StorageError
        If the frame is not there.
    """
    pixels = _opened(folder, stream).at_event(header.event)
    if pixels is None:
        raise StorageError(f"the frame of event {header.event} is not in {folder}")
    return pixels


@lru_cache(maxsize=1)
def _opened(folder: str, stream: str) -> RecordedFrames:
    return open_run(Path(folder)).frames(stream)
