"""One frame of a plan's events, read back by its header, also while its run is recorded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from parfocal.core.errors import BadInputError, StorageError
from parfocal.storage.event_documents import image_folders
from parfocal.storage.event_frames import plan_in
from parfocal.storage.event_headers import EventHeaders
from parfocal.storage.manifest import read_manifest
from parfocal.storage.ome_zarr import HEADER_COLUMNS, HEADERS
from parfocal.storage.reading import open_frames

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from parfocal.core.frames import FrameHeader
    from parfocal.storage.event_growth import LayoutHistory


def stored_frame(folder: Path | str, stream: str, header: FrameHeader) -> NDArray[Any]:
    """Return the pixels (y, x) of a frame that was stored by its event, a copy.

    A run whose plan has grown may have numbered two events alike; so the frame is known by its number and
    time as well, which stand beside the pixels.

    Parameters
    ----------
    folder : path
        Of the run.
    stream : str
        That of the camera.
    header : FrameHeader
        Of the frame.

    Raises
    ------
    BadInputError
        If the run has no such stream, or does not store it by events.
    StorageError
        If the frame is not there: it was lost, or is not stored yet.
    """
    record = read_manifest(Path(folder)).streams.get(stream)
    if record is None or record.events is None:
        raise BadInputError(f"the run {folder} does not store frames of {stream!r} by their events")
    images = Path(folder) / record.path
    history = plan_in(images)[1]
    folders = image_folders(images, history.newest)
    axes = "".join(axis for axis in "tcz" if axis in history.newest.axes)
    for index in _indices(history, header.event):
        image, place = folders[index.get("p", 0)], tuple(index[axis] for axis in axes)
        row = dict(zip(HEADER_COLUMNS, EventHeaders(image / HEADERS, axes).read(place).tolist(), strict=True))
        if (row["frame"], row["time_ns"]) == (header.frame, header.time_ns):
            return np.asarray(open_frames(image)[place].read().result())
    raise StorageError(f"frame {header.frame} of {stream!r}, of event {header.event}, is not in {folder}")


def _indices(history: LayoutHistory, event: int) -> Iterator[dict[str, int]]:
    """Yield where an event of this number may lie: by the newest layout, and by those before."""
    for change in reversed(history.changes):
        index = change.layout.index_of(event)
        if change.layout.number_of(index) == event:
            yield index
