"""A sink for frames of a plan's events: OME-Zarr 0.5 by random access, each frame at its event's index.

::

    frames.ome.zarr/
      zarr.json            how the events lie; which images there are
      0/  1/  2/ ...       an image for each position (p), with axes t, c, z (those that the plan has), y, x
        0/                 pixels: one chunk for each frame
        headers/           one row for each frame; -1 where there is none

The order in which frames come does not matter, so a repeated, a late or an extra one can shift no other.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from parfocal.core.errors import BadInputError
from parfocal.core.event_layout import EventLayout
from parfocal.core.files import sync_file
from parfocal.core.status import UNKNOWN_NUMBER, StoredCount
from parfocal.storage.disk import storage_errors
from parfocal.storage.event_image import EVENT, FRAME, SEQUENCE, EventImage
from parfocal.storage.frame_buffer import PlacedFrames
from parfocal.storage.image import (
    META,
    check_frames,
    check_present,
    read_document,
    refuse_existing,
    write_document,
)
from parfocal.storage.numbering import Numbering
from parfocal.storage.ome_zarr import (
    Codec,
    Document,
    FrameLayout,
)
from parfocal.storage.sync import SyncThread

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from parfocal.core.frames import FrameSpec
    from parfocal.streams import FrameBatch

NO_EVENT = -1
"""Event number of a frame that belongs to none."""
_PLAN = "parfocal"


class EventFrameSink:
    """Writes each frame at the index of its event; a `parfocal.core.protocols.Sink`.

    Frames that belong to no event are left out, and none of them counts as lost. Make one with `create` or
    `resume`.

    Attributes
    ----------
    stored : int
        Frames in the images.
    """

    patience_s = 0.05
    batch = 1

    def __init__(
        self, folder: Path, frame: FrameLayout, events: EventLayout, first_sequence: int, first_number: int
    ) -> None:
        self.folder = folder
        self.stored = 0
        self._frame = frame
        self._events = events
        self._numbering = Numbering(first_sequence, first_number)
        self._left_out = 0
        self._forgotten = False
        self._syncing = SyncThread(f"sync of {folder.name}")
        self._images = [
            EventImage(folder / str(position), frame, events, self._syncing)
            for position in range(events.size("p"))
        ]

    @classmethod
    def create(
        cls,
        folder: Path,
        spec: FrameSpec,
        events: EventLayout,
        *,
        first_sequence: int = 0,
        first_number: int = UNKNOWN_NUMBER,
        codec: Codec = "blosc-lz4",
    ) -> EventFrameSink:
        """Make images without any frame.

        Parameters
        ----------
        folder : Path
            Of all images; must not exist.
        spec : FrameSpec
            What each frame looks like; its axes are y and x.
        events : EventLayout
            Where the frame of each event goes.
        first_sequence, first_number : int
            As in `FrameSink.create`.
        codec : str
            "blosc-lz4" (fast), "blosc-zstd" (smaller) or "none".

        Raises
        ------
        AlreadyExistsError
            If there is something at `folder`.
        BadInputError
            If frames have other axes than y and x.
        """
        if spec.axes != "yx":
            raise BadInputError(f"frames of events must have the axes 'yx', not {spec.axes!r}")
        refuse_existing(folder)
        frame = FrameLayout(spec=spec, shard_frames=1, codec=codec)
        with storage_errors(folder.parent):
            folder.mkdir(parents=True)
            write_document(folder, _collection_document(frame, events))
            sink = cls(folder, frame, events, first_sequence, first_number)
            for image in sink._images:
                image.create()
        return sink

    @classmethod
    def resume(
        cls, folder: Path, *, first_sequence: int = 0, first_number: int = UNKNOWN_NUMBER
    ) -> EventFrameSink:
        """Go on with images whose writer ended without closing them."""
        frame, events = _plan_in(folder)
        sink = cls(folder, frame, events, first_sequence, first_number)
        with storage_errors(folder):
            last: NDArray[np.int64] | None = None
            for image in sink._images:
                rows = image.stored_rows()
                sink.stored += len(rows)
                for row in rows:
                    if last is None or row[SEQUENCE] > last[SEQUENCE]:
                        last = row
        if last is not None:
            sequence, number = int(last[SEQUENCE]), int(last[FRAME])
            index = sink._numbering.place(sequence, number)
            sink._left_out = index + 1 - sink.stored  # nobody knows which of them belonged to events
            sink._forgotten = sink._left_out > 0
        sink._syncing.add(folder)
        return sink

    @property
    def next_sequence(self) -> int:
        """Number in the stream of the frame that is expected next."""
        return self._numbering.next_sequence

    def count(self, end: int = 0, next_number: int = UNKNOWN_NUMBER) -> StoredCount:
        """Return what is stored of all frames of events, or that the numbers say was lost."""
        numbering = self._numbering
        expected = numbering.expected(end=end, next_number=next_number) - self._left_out
        return StoredCount(
            expected=max(expected, self.stored),
            stored=self.stored,
            renumbered=numbering.renumbered,
            uncounted=self._syncing.failed or numbering.renumbered > 0 or self._forgotten,
        )

    def append(self, items: FrameBatch, sequence: int, *, more: bool = False) -> None:
        """Write each frame at its event's index; when it returns they are in the file.

        Parameters and errors as in `parfocal.core.protocols.Sink`.

        Raises
        ------
        StorageError
            If there is a frame at an event's index already: none is ever overwritten.
        """
        del more  # each frame is a file of its own
        check_frames(items.data, self._frame, self.folder.name)
        check_present(self.folder)
        known = max(0, self._numbering.next_sequence - sequence)
        fresh = items[known:]
        sequences = np.arange(sequence + known, sequence + known + len(fresh))
        rows = PlacedFrames(sequences, sequences, fresh).header_rows()
        with storage_errors(self.folder):
            self._syncing.check()
            for pixels, row in zip(fresh.data, rows, strict=True):
                if row[EVENT] == NO_EVENT:
                    self._left_out += 1
                else:
                    self._write(pixels, row)
                    self.stored += 1
                self._numbering.place(int(row[SEQUENCE]), int(row[FRAME]))

    def tend(self) -> None:
        """Nothing is due without new frames."""

    def close(self) -> None:
        """Return when everything is on stable storage. Idempotent."""
        with storage_errors(self.folder):
            for image in self._images:
                for path in image.documents:
                    sync_file(path)
            for path in (self.folder / META, self.folder):
                sync_file(path)
            self._syncing.close()

    def abandon(self) -> None:
        """Let go of the files; every frame that was taken stays readable."""
        self._syncing.abandon()

    def _write(self, pixels: NDArray[Any], row: NDArray[np.int64]) -> None:
        index = self._events.index_of(int(row[EVENT]))
        position = index.pop("p", 0)
        if position >= len(self._images):
            raise BadInputError(
                f"event {row[EVENT]} lies at position {position}; there are {len(self._images)}"
            )
        place = tuple(index[axis] for axis in "tcz" if axis in index)
        self._images[position].write(place, pixels, row)


def _collection_document(frame: FrameLayout, events: EventLayout) -> Document:
    """Return ``zarr.json`` of the folder that holds an image for each position."""
    plan = {"frame": msgspec.to_builtins(frame), "events": msgspec.to_builtins(events)}
    return {
        "zarr_format": 3,
        "node_type": "group",
        "attributes": {"ome": {"version": "0.5", "bioformats2raw.layout": 3}, _PLAN: plan},
    }


def _plan_in(folder: Path) -> tuple[FrameLayout, EventLayout]:
    try:
        plan = read_document(folder)["attributes"][_PLAN]
        return msgspec.convert(plan["frame"], FrameLayout), msgspec.convert(plan["events"], EventLayout)
    except (LookupError, TypeError, msgspec.ValidationError) as error:
        raise BadInputError(f"{folder} holds no frames of events that parfocal wrote: {error}") from error
