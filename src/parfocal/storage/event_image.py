"""The OME-Zarr image of one position of a plan: a chunk for each frame, written in any order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from parfocal.core.errors import StorageError
from parfocal.storage.image import META, open_pixels, read_document, write_document
from parfocal.storage.ome_zarr import (
    HEADER_COLUMNS,
    HEADERS,
    IMAGE,
    NOT_STORED,
    Document,
    FrameLayout,
    event_image_documents,
)

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from parfocal.core.event_layout import EventLayout
    from parfocal.storage.sync import SyncThread

FRAME, SEQUENCE, EVENT = (HEADER_COLUMNS.index(name) for name in ("frame", "sequence", "event"))
"""Where these stand in a row of headers."""


class EventImage:
    """Pixels and headers of one position, by index along t, c and z.

    Its documents are those of as many time points as it holds, if t is the first axis of the plan.

    Parameters
    ----------
    folder : Path
        Of the image.
    frame : FrameLayout
        What each frame looks like.
    events : EventLayout
        Which axes there are, and how long each is.
    syncing : SyncThread
        Brings chunks to stable storage.

    Raises
    ------
    StorageError
        By `write`, if there is a frame at that index already: none is ever overwritten.
    """

    def __init__(self, folder: Path, frame: FrameLayout, events: EventLayout, syncing: SyncThread) -> None:
        self._folder = folder
        self._frame = frame
        self._syncing = syncing
        self._outer = {axis: events.size(axis) for axis in "tcz" if axis in events.axes}
        self._grows = events.axes[0] == "t"
        self._length = 0
        self._arrays: tuple[Any, Any] | None = None

    @property
    def documents(self) -> tuple[Path, ...]:
        """What has to be on stable storage beside the chunks."""
        folders = (self._folder / IMAGE, self._folder / HEADERS, self._folder)
        return tuple(path for folder in folders for path in (folder / META, folder))

    def create(self) -> None:
        """Make an image without any frame."""
        for part in (self._folder / IMAGE, self._folder / HEADERS):
            part.mkdir(parents=True)
        group, *_ = self._documents(0)
        write_document(self._folder, group)
        self._write_shape(0)

    def write(self, place: tuple[int, ...], pixels: NDArray[Any], row: NDArray[np.int64]) -> None:
        """Write a frame and its headers at an index along t, c and z; raises if there is one already."""
        images, headers = self._open()
        there = headers[place].read().result()
        if there[SEQUENCE] != NOT_STORED:
            raise StorageError(
                f"event {row[EVENT]} of {self._folder.parent.name} has a frame already, number "
                f"{there[FRAME]}; frame {row[FRAME]} was not stored"
            )
        images[place].write(pixels).result()
        headers[place].write(row).result()
        length = place[0] + 1 if self._grows else 1
        if length > self._length:
            self._write_shape(length)
        self._sync(self._folder / IMAGE, (*place, 0, 0))
        headers_at = (place[0], *(0 for _ in place)) if "t" in self._outer else (0, *(0 for _ in place))
        self._sync(self._folder / HEADERS, headers_at)

    def _sync(self, array: Path, chunk: tuple[int, ...]) -> None:
        """Have a chunk brought to stable storage, and the folders that lead to it."""
        self._syncing.add(array.joinpath("c", *map(str, chunk)), len(chunk))

    def stored_rows(self) -> NDArray[np.int64]:
        """Return the headers of all frames in it, (n, columns)."""
        document = read_document(self._folder / HEADERS)
        self._length = int(document["shape"][0]) if self._grows else 1
        rows = open_pixels(self._folder / HEADERS, document, read=True).read().result()
        rows = rows.reshape(-1, len(HEADER_COLUMNS))
        stored: NDArray[np.int64] = rows[rows[:, SEQUENCE] != NOT_STORED]
        return stored

    def _documents(self, length: int) -> tuple[Document, Document, Document]:
        outer = self._outer | ({"t": length} if self._grows else {})
        spec, codec = self._frame.spec, self._frame.codec
        return event_image_documents(spec, codec, outer, self._folder.name)

    def _open(self) -> tuple[Any, Any]:
        if self._arrays is None:
            _, pixels, headers = self._documents(2**40)
            self._arrays = (
                open_pixels(self._folder / IMAGE, pixels),
                open_pixels(self._folder / HEADERS, headers),
            )
        return self._arrays

    def _write_shape(self, length: int) -> None:
        _, pixels, headers = self._documents(length)
        write_document(self._folder / HEADERS, headers)
        write_document(self._folder / IMAGE, pixels)
        self._length = length
