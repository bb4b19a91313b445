"""A sink for frames of a plan's events: OME-Zarr 0.5 by random access, each frame at its event's index.

::

    frames.ome.zarr/
      zarr.json            how the events lie; which images there are
      OME/                 the list of images
      0/  1/  2/ ...       an image for each position (p), with axes t, c, z (those that the plan has), y, x
        0/                 pixels: one chunk for each frame
        headers/           one row for each frame; -1 where there is none

A plan whose positions lie in wells makes a plate: ``A/1/0/`` is the first field of well A1.

The order in which frames come does not matter, so a repeated, a late or an extra one can shift no other.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import numpy as np

from parfocal.core.errors import BadInputError
from parfocal.core.event_layout import EventLayout
from parfocal.core.files import sync_file
from parfocal.core.status import UNKNOWN_NUMBER, StoredCount
from parfocal.storage.disk import storage_errors
from parfocal.storage.event_documents import collection_documents, image_paths
from parfocal.storage.event_growth import LayoutHistory
from parfocal.storage.event_image import EVENT, FRAME, SEQUENCE, EventImage, PlacedFrame
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
from parfocal.storage.ome_zarr import NOT_STORED, Codec, Document, FrameLayout
from parfocal.storage.retaken import Place, RetakenFrames
from parfocal.storage.sync import SyncThread

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from numpy.typing import NDArray

    from parfocal.core.frames import FrameSpec
    from parfocal.streams import FrameBatch

NO_EVENT = -1
"""Event number of a frame that belongs to none."""
_PLAN = "parfocal"
_BATCH = 8


class _Located(NamedTuple):
    """A frame of an event, and the image that it goes to."""

    image: EventImage
    frame: PlacedFrame


class EventFrameSink:
    """Writes each frame at the index of its event; a `parfocal.core.protocols.Sink`.

    Frames that belong to no event are left out, and none of them counts as lost. Of several frames of one
    event the first is kept, unless `retake` was told of it: none is ever overwritten by itself. That is kept
    with the images, for whoever resumes them. Make one with `create` or `resume`.

    Attributes
    ----------
    stored : int
        Frames in the images.
    repeated : int
        Frames that were left out because their event had one, or another was taken in their place.
    """

    patience_s = 0.02
    batch = _BATCH

    def __init__(
        self,
        folder: Path,
        frame: FrameLayout,
        history: LayoutHistory,
        first_sequence: int,
        first_number: int,
        retaken: RetakenFrames = RetakenFrames(),  # noqa: B008 (frozen)
    ) -> None:
        self.folder = folder
        self.stored = 0
        self.repeated = 0
        self._retaken = retaken
        self._frame = frame
        self._history = history
        self._numbering = Numbering(first_sequence, first_number)
        self._left_out = 0
        self._forgotten = False
        self._growing = threading.Lock()
        self._syncing = SyncThread(f"sync of {folder.name}")
        self._images = self._all_images()
        self._lengths: dict[EventImage, int] = {}  # that their documents do not tell yet

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
            sink = cls(folder, frame, LayoutHistory.of(events), first_sequence, first_number)
            for image in sink._images:
                image.create()
            sink._describe_collection()
        return sink

    @classmethod
    def resume(
        cls,
        folder: Path,
        *,
        first_sequence: int = 0,
        first_number: int = UNKNOWN_NUMBER,
        next_number: int | None = None,
    ) -> EventFrameSink:
        """Go on with images whose writer has ended; `next_number` as in `FrameSink.resume`."""
        frame, history = plan_in(folder)
        sink = cls(folder, frame, history, first_sequence, first_number, _retaken_in(folder))
        with storage_errors(folder):
            rows = np.concatenate([image.resume() for image in sink._images])
        sink.stored = len(rows)
        if sink.stored:
            last = rows[np.argmax(rows[:, SEQUENCE])]
            index = sink._numbering.place(int(last[SEQUENCE]), int(last[FRAME]))
            sink._left_out = index + 1 - sink.stored  # nobody knows which of them belonged to events
            sink._forgotten = sink._left_out > 0 and next_number is None
        if next_number is not None:
            sink._numbering.go_on(next_number)
        sink._syncing.add(folder)
        return sink

    @property
    def events(self) -> EventLayout:
        """The layout as it is now."""
        return self._history.newest

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
            uncounted=numbering.renumbered > 0 or self._forgotten,
            unsynced=self._syncing.failed,
            repeated=self.repeated,
        )

    def extend(self, events: EventLayout, first_sequence: int) -> None:
        """Have frames from `first_sequence` on be placed by a layout that has grown. Any thread.

        Images of new positions appear, and those that are there grow along c and z; the places of frames that
        are stored stay as they are.

        Raises
        ------
        BadInputError
            If `events` does not hold what there is already; nothing was changed.
        """
        with self._growing, storage_errors(self.folder):
            grown = self._history.grown(events, first_sequence)
            if grown.newest == self.events:
                return
            there = image_paths(self.events)
            if image_paths(grown.newest)[: len(there)] != there:
                raise BadInputError("positions of a run lie in wells of a plate, all of them or none")
            self._grow_images()
            times = [image.times for image in self._images]
            self._history = grown
            self._images = self._all_images()
            for number, image in enumerate(self._images):
                if number < len(times):
                    image.describe(times[number])
                else:
                    image.create()
            self._describe_collection()

    def append(self, items: FrameBatch, sequence: int, *, more: bool = False) -> None:
        """Write each frame at its event's index; when it returns they are in the file.

        With `more`, how long their images are is told by the documents later, for all that follow at once.
        Parameters and errors as in `parfocal.core.protocols.Sink`.

        Raises
        ------
        BadInputError
            If the event of a frame lies beyond the plan.
        """
        check_frames(items.data, self._frame, self.folder.name)
        check_present(self.folder)
        known = max(0, self._numbering.next_sequence - sequence)
        fresh = items[known:]
        sequences = np.arange(sequence + known, sequence + known + len(fresh))
        rows = PlacedFrames(sequences, sequences, fresh).header_rows()
        with self._growing, storage_errors(self.folder):
            self._syncing.check()
            located = self._locate(fresh.data, rows)
            new = sum(image.sequence_at(frame.place) == NOT_STORED for image, frame in located)
            self._write(located)
            if not more:
                self._grow_images()
            self._left_out += len(rows) - new
            self.stored += new
            for row in rows:  # last: who counts meanwhile takes none for lost
                self._numbering.place(int(row[SEQUENCE]), int(row[FRAME]))

    def retake(self, events: Iterable[int], first_sequence: int) -> None:
        """Have frames of events from `first_sequence` on take the place of those before.

        Those may still come; they were not exposed as they were to be: their light went out, or their
        camera ended. Any thread.

        Raises
        ------
        BadInputError
            If an event lies beyond the plan.
        StorageError
            If the disk does not take it.
        """
        with self._growing, storage_errors(self.folder):
            places = []
            for event in events:
                index = self._history.index_of(first_sequence, event)
                places.append((index.pop("p", 0), *_place(index)))
            if places:
                self._retaken = self._retaken.told(places, first_sequence)
                self._describe_collection()

    def tend(self) -> None:
        """Have the documents tell how long the images have become."""
        with self._growing, storage_errors(self.folder):
            self._grow_images()

    def close(self) -> None:
        """Return when everything is on stable storage. Idempotent.

        All images are as long as the longest one then, with the time that passed between time points where
        the plan does not tell it.
        """
        with self._growing, storage_errors(self.folder):
            self._grow_images()
            times = max(image.times for image in self._images)
            for image in self._images:
                image.describe(times, image.measured_interval_s())
                image.sync()
            for path in collection_documents(self.events, "", {}):
                sync_file(self.folder / path / META)
                sync_file(self.folder / path)
            self._syncing.close()

    def abandon(self) -> None:
        """Let go of the files; every frame that was taken stays readable."""
        self._syncing.abandon()

    def _locate(self, pixels: NDArray[Any], rows: NDArray[np.int64]) -> list[_Located]:
        """Return frames of events that have none yet, or whose frame is taken again, each with its place."""
        located: dict[Place, _Located] = {}
        for frame, row in zip(pixels, rows, strict=True):
            if row[EVENT] == NO_EVENT:
                continue
            index = self._history.index_of(int(row[SEQUENCE]), int(row[EVENT]))
            position = index.pop("p", 0)
            place = _place(index)
            image = self._images[position]
            known = located.get((position, *place))
            stored = image.sequence_at(place) if known is None else int(known.frame.row[SEQUENCE])
            if stored != NOT_STORED:
                self.repeated += 1
                if not self._retaken.gives_way((position, *place), stored, int(row[SEQUENCE])):
                    continue
            located[position, *place] = _Located(image, PlacedFrame(place, frame, row))
        return list(located.values())

    def _write(self, located: list[_Located]) -> None:
        """Write frames side by side; each has its headers once its pixels are there."""
        writes = [image.begin(frame) for image, frame in located]
        for (image, frame), write in zip(located, writes, strict=True):
            image.finish(frame, write)
        for image, frame in located:
            self._lengths[image] = max(self._lengths.get(image, 0), frame.place[0] + 1 if frame.place else 0)

    def _grow_images(self) -> None:
        while self._lengths:
            image, times = self._lengths.popitem()
            image.grow(times)

    def _all_images(self) -> list[EventImage]:
        positions = range(self.events.size("p"))
        return [EventImage(self.folder, self._frame, self.events, p, self._syncing) for p in positions]

    def _describe_collection(self) -> None:
        own = {
            "frame": msgspec.to_builtins(self._frame),
            "events": msgspec.to_builtins(self._history),
            "images": list(image_paths(self.events)),  # in the order of positions, for readers
            "retaken": msgspec.to_builtins(self._retaken),
        }
        name = self.folder.name.split(".")[0]
        for path, document in collection_documents(self.events, name, own).items():
            (self.folder / path).mkdir(exist_ok=True)
            write_document(self.folder / path, document)


def _place(index: dict[str, int]) -> tuple[int, ...]:
    """Return where a frame lies in the image of its position."""
    return tuple(index[axis] for axis in "tcz" if axis in index)


def _retaken_in(folder: Path) -> RetakenFrames:
    """Return which frames are to be replaced; none in a folder of an earlier version."""
    plan: Document = read_document(folder)["attributes"][_PLAN]
    return msgspec.convert(plan.get("retaken", {}), RetakenFrames)


def plan_in(folder: Path) -> tuple[FrameLayout, LayoutHistory]:
    """Return what each frame in a folder of frames by event looks like, and how their events lie.

    Raises
    ------
    BadInputError
        If there are no such frames.
    """
    try:
        plan: Document = read_document(folder)["attributes"][_PLAN]
        return msgspec.convert(plan["frame"], FrameLayout), msgspec.convert(plan["events"], LayoutHistory)
    except (LookupError, TypeError, msgspec.ValidationError) as error:
        raise BadInputError(f"{folder} holds no frames of events that parfocal wrote: {error}") from error
