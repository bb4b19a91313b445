"""The OME-Zarr image of one position of a plan: a chunk for each frame, written in any order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from parfocal.core.files import sync_file
from parfocal.storage.event_documents import (
    HEADER_TIMES,
    ImageDocuments,
    chunk_name,
    image_documents,
    image_folders,
)
from parfocal.storage.event_headers import EventHeaders
from parfocal.storage.image import CHUNKS, META, interval_s, open_pixels, write_document
from parfocal.storage.ome_zarr import HEADER_COLUMNS, HEADERS, IMAGE, NOT_STORED, FrameLayout

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from parfocal.core.event_layout import EventLayout
    from parfocal.storage.sync import SyncThread

FRAME, SEQUENCE, EVENT = (HEADER_COLUMNS.index(name) for name in ("frame", "sequence", "event"))
"""Where these stand in a row of headers."""
_ENDLESS = 2**40
_SAMPLED = 1000
"""Time points from which the interval is measured."""


class PlacedFrame(NamedTuple):
    """A frame, its headers, and its index along t, c and z."""

    place: tuple[int, ...]
    pixels: NDArray[Any]
    row: NDArray[np.int64]


class EventImage:
    """Pixels and headers of one position, by index along t, c and z.

    Its documents are those of as many time points as it holds, if t is the first axis of the plan; of all of
    them otherwise.

    Parameters
    ----------
    collection : Path
        Folder of the images of all positions.
    frame : FrameLayout
        What each frame looks like.
    events : EventLayout
        Which axes there are, how long each is, and what is known of the position.
    position : int
        Index along p.
    syncing : SyncThread
        Brings chunks to stable storage.

    Attributes
    ----------
    times : int
        How long its documents say that it is along t.
    """

    def __init__(
        self, collection: Path, frame: FrameLayout, events: EventLayout, position: int, syncing: SyncThread
    ) -> None:
        self.times = 0
        self._folder = image_folders(collection, events)[position]
        self._frame = frame
        self._events = events
        self._position = position
        self._syncing = syncing
        self._grows = events.axes[0] == "t"
        axes = "".join(axis for axis in "tcz" if axis in events.axes)
        self._headers = EventHeaders(self._folder / HEADERS, axes)
        self._pixels: Any = None

    def create(self) -> None:
        """Make an image without any frame."""
        for part in (self._folder / IMAGE, self._folder / HEADERS):
            part.mkdir(parents=True)
        self.describe(0)

    def describe(self, times: int, interval: float | None = None) -> None:
        """Replace its documents by those of an image of so many time points, one every `interval` seconds."""
        documents = self._documents(times, interval)
        write_document(self._folder, documents.group)
        self._write_shape(times, documents)

    def sequence_at(self, place: tuple[int, ...]) -> int:
        """Return the number in its stream of the frame at an index along t, c and z; `NOT_STORED` if none."""
        return int(self._headers.read(place)[SEQUENCE])

    def begin(self, frame: PlacedFrame) -> Any:
        """Begin to write a frame's pixels; return what `finish` takes. They are read until then."""
        if self._pixels is None:
            everything = self._documents(_ENDLESS).pixels
            self._pixels = open_pixels(self._folder / IMAGE, everything)
        return self._pixels[frame.place].write(frame.pixels, can_reference_source_data_indefinitely=True)

    def finish(self, frame: PlacedFrame, write: Any) -> None:
        """Return when the frame's pixels are in the file, and its headers, which say that it is there."""
        write.result()
        path = self._headers.write(frame.place, frame.row)
        self._syncing.add(self._folder / IMAGE / chunk_name(frame.place), folders=1)
        self._syncing.add(path, folders=len(frame.place))

    def grow(self, times: int) -> None:
        """Have it be at least so many time points long, if it grows."""
        if self._grows and times > self.times:
            self._write_shape(times, self._documents(times))

    def sync(self) -> None:
        """Bring its documents to stable storage."""
        for folder in (self._folder / IMAGE, self._folder / HEADERS, self._folder):
            sync_file(folder / META)
            sync_file(folder)

    def resume(self) -> NDArray[np.int64]:
        """Go on with an image that another process left; return the headers of its frames, (n, columns).

        What is there is told by the headers alone: a process may have died before it wrote the documents.
        """
        times = self._header_times()
        everything = self._documents(times).headers
        rows = open_pixels(self._folder / HEADERS, everything, read=True).read().result()
        stored = rows[..., SEQUENCE] != NOT_STORED
        if self._grows:
            filled = np.flatnonzero(stored.any(axis=tuple(range(1, stored.ndim))))
            times = int(filled[-1]) + 1 if filled.size else 0
        self.describe(times)
        found: NDArray[np.int64] = rows[stored]
        return found

    def measured_interval_s(self) -> float | None:
        """Return the time from time point to time point, by the times of the first channel and plane."""
        if not self._grows or self.times < 2:
            return None
        inner = tuple(0 for axis in "cz" if axis in self._events.axes)
        rows = np.stack([self._headers.read((time, *inner)) for time in range(min(self.times, _SAMPLED))])
        return interval_s(rows.view([(name, np.int64) for name in HEADER_COLUMNS])[:, 0])

    def _header_times(self) -> int:
        """Return for how many time points there may be headers, by the files that there are."""
        chunks = self._folder / HEADERS / CHUNKS
        numbers = [int(path.name) for path in chunks.iterdir()] if chunks.exists() else []
        return (max(numbers, default=-1) + 1) * HEADER_TIMES

    def _documents(self, times: int, interval: float | None = None) -> ImageDocuments:
        times = times if self._grows else self._events.size("t")
        return image_documents(self._frame, self._events, self._position, times, interval)

    def _write_shape(self, times: int, documents: ImageDocuments) -> None:
        write_document(self._folder / HEADERS, documents.headers)
        write_document(self._folder / IMAGE, documents.pixels)
        self.times = times
