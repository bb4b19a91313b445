"""A sink that appends frames to an OME-Zarr 0.5 image. The image never claims a frame that it does not hold.

The array's ``zarr.json`` is replaced only after the shards and headers that it speaks of are written, so a
reader, or whoever comes after a crash, sees exactly the frames that were acknowledged.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from parfocal.core.files import sync_file
from parfocal.core.status import UNKNOWN_NUMBER, StoredCount
from parfocal.storage.disk import storage_errors
from parfocal.storage.frame_buffer import FrameBuffer, PlacedFrames
from parfocal.storage.headers import HeaderFile, length_of, read_headers, runs
from parfocal.storage.image import (
    CHUNKS,
    META,
    check_frames,
    check_present,
    interval_s,
    layout_of,
    open_pixels,
    refuse_existing,
    write_document,
)
from parfocal.storage.numbering import Numbering
from parfocal.storage.ome_zarr import HEADER_CHUNK, HEADERS, IMAGE, NOT_STORED, Codec, FrameLayout
from parfocal.storage.sync import SyncThread
from parfocal.streams import HEADER_DTYPE, FrameBatch

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from parfocal.core.frames import FrameHeader, FrameSpec

_ENDLESS = 2**40


class FrameSink:
    """Writes frames into an OME-Zarr image, each at its index; a `parfocal.core.protocols.Sink`.

    An index is a frame's number in the run; a frame that was lost leaves a gap there, and shifts nothing.
    Make one with `create` or `resume`.

    Attributes
    ----------
    stored : int
        Frames in the file.
    numbering : Numbering
        Gives frames their index; `resume` lets it go on where the file ends.
    """

    patience_s = 0.5

    def __init__(
        self, folder: Path, layout: FrameLayout, length: int, numbering: Numbering, stored: int
    ) -> None:
        self.folder = folder
        self.layout = layout
        self.numbering = numbering
        self.stored = stored
        self._length = length
        self._array = open_pixels(folder / IMAGE, layout.array_document(_ENDLESS))
        self._syncing = SyncThread(f"sync of {folder.name}")
        self._headers = HeaderFile(folder / HEADERS, self._sync_headers)
        self._buffer: FrameBuffer | None = None
        self._closed = False

    @classmethod
    def create(
        cls,
        folder: Path,
        spec: FrameSpec,
        *,
        first_sequence: int = 0,
        first_number: int = UNKNOWN_NUMBER,
        codec: Codec = "blosc-lz4",
        most_per_shard: int | None = None,
    ) -> FrameSink:
        """Make an empty image.

        Parameters
        ----------
        folder : Path
            Of the image; must not exist.
        spec : FrameSpec
            What each frame looks like.
        first_sequence, first_number : int
            Number in the stream of the first frame that belongs to the image, and the number that its
            producer should give it; -1 takes that of the first one that comes.
        codec : str
            "blosc-lz4" (fast), "blosc-zstd" (smaller) or "none".
        most_per_shard : int, optional
            Upper limit of the frames in one file, which is also how many one `append` should bring.

        Raises
        ------
        AlreadyExistsError
            If there is something at `folder`.
        """
        layout = FrameLayout.of(spec, codec=codec, most=most_per_shard)
        refuse_existing(folder)
        with storage_errors(folder.parent):
            for part in (folder / IMAGE, folder / HEADERS):
                part.mkdir(parents=True)
            write_document(folder / HEADERS, layout.headers_document(0))
            write_document(folder / IMAGE, layout.array_document(0))
            write_document(folder, layout.group_document(folder.name.split(".")[0]))
        return cls(folder, layout, 0, Numbering(first_sequence, first_number), 0)

    @classmethod
    def resume(
        cls,
        folder: Path,
        *,
        first_sequence: int = 0,
        first_number: int = UNKNOWN_NUMBER,
        next_number: int | None = None,
    ) -> FrameSink:
        """Go on with an image whose writer has ended.

        `next_number` is the number that the next frame should have, of an image that was closed: it follows
        the last one, whatever was produced in between. None for one that was not closed.
        """
        layout = layout_of(folder)
        with storage_errors(folder):
            headers = read_headers(folder)
        held = np.flatnonzero(headers["frame"] != NOT_STORED)
        numbering = Numbering(first_sequence, first_number)
        if held.size:
            last = headers[held[-1]]
            numbering.resume(
                index=int(held[-1]),
                sequence=int(last["sequence"]),
                number=int(last["frame"]),
                placed=held.size,
            )
        if next_number is not None:
            numbering.go_on(next_number)
        sink = cls(folder, layout, length_of(folder / IMAGE), numbering, held.size)
        sink._syncing.add(folder)  # nobody knows how much of it the process before this one has brought down
        return sink

    @property
    def length(self) -> int:
        """Frames that the file spans: those in it, and the gaps between them."""
        return self._length

    @property
    def next_sequence(self) -> int:
        """Number in the stream of the frame that is expected next."""
        return self.numbering.next_sequence

    @property
    def batch(self) -> int:
        """How many frames the shard at the end can still take."""
        shard = self.layout.shard_frames
        return shard - self.numbering.next_index % shard

    def count(self, end: int = 0, next_number: int = UNKNOWN_NUMBER) -> StoredCount:
        """Return what is stored of all that was produced, or that the producer's numbers say it lost."""
        expected, stored = self.numbering.expected(end=end, next_number=next_number), self.stored
        return StoredCount(
            expected=expected,
            stored=stored,
            in_hand=max(0, self.numbering.placed - stored),
            renumbered=self.numbering.renumbered,
            uncounted=self.numbering.renumbered > 0,
            unsynced=self._syncing.failed,
        )

    def append(self, items: FrameBatch, sequence: int, *, more: bool = False) -> None:
        """Write frames straight from their memory, each at its index; when it returns they are in the file.

        With `more` they are copied, and go to the file when their shard is full: frames that come in several
        batches are written once. A process that is killed meanwhile has lost those copies. Parameters and
        errors as in `parfocal.core.protocols.Sink`.
        """
        placed = self._place(items, sequence)
        if more or (self._buffer is not None and self._buffer.taken):
            self._hold(placed)
        else:
            self.put(placed)
        if not more:
            self.flush()

    def write(self, data: NDArray[Any], header: FrameHeader) -> None:
        """Copy the next frame; what the producer's numbers say was lost leaves a gap."""
        headers = np.array([msgspec.structs.astuple(header)], HEADER_DTYPE)
        self.append(FrameBatch(data[np.newaxis], headers), self.numbering.next_sequence, more=True)

    def flush(self) -> None:
        """Bring what was copied into the file."""
        if self._buffer is not None:
            placed = self._buffer.content
            self._buffer.clear()
            self.put(placed)

    def put(self, placed: PlacedFrames) -> None:
        """Write frames at increasing indices of the caller's choice. Raises as `append`."""
        indices, _, batch = placed
        if not len(batch):
            return
        check_frames(batch.data, self.layout, self.folder.name)
        check_present(self.folder / IMAGE)
        with storage_errors(self.folder):
            self._syncing.check()
            self._write_pixels(indices, batch.data)
            self._headers.put(indices, placed.header_rows())
            self._grow(int(indices[-1]) + 1)
            self._sync_shards(indices)
        self.stored += len(batch)

    def tend(self) -> None:
        """Bring copies that were kept into the file."""
        self.flush()

    def close(self) -> None:
        """Write what is left, and return when all of it is on stable storage. Idempotent."""
        if self._closed:
            return
        self._closed = True
        self.flush()
        with storage_errors(self.folder):
            self._headers.close()
            step_s = interval_s(read_headers(self.folder, most=HEADER_CHUNK))
            write_document(self.folder, self.layout.group_document(self.folder.name.split(".")[0], step_s))
            for part in (self.folder / IMAGE, self.folder / HEADERS, self.folder):
                for path in (part / META, part / CHUNKS, part):
                    sync_file(path)
            self._syncing.close()

    def abandon(self) -> None:
        """Let go of the files without writing, after an error. What was acknowledged stays readable."""
        self._closed = True
        self._buffer = None
        self._headers.close()
        self._syncing.abandon()

    def __enter__(self) -> FrameSink:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _place(self, batch: FrameBatch, sequence: int) -> PlacedFrames:
        """Return those frames of `batch` that are new, with their indices."""
        check_frames(batch.data, self.layout, self.folder.name)
        known = max(0, self.numbering.next_sequence - sequence)
        fresh = batch[known:]
        sequences = np.arange(sequence + known, sequence + known + len(fresh))
        numbers = zip(sequences.tolist(), fresh.headers["frame"].tolist(), strict=True)
        indices = np.array([self.numbering.place(*pair) for pair in numbers], np.int64)
        return PlacedFrames(indices, sequences, fresh)

    def _hold(self, placed: PlacedFrames) -> None:
        """Copy frames; a shard that is full goes to the file."""
        size = self.layout.shard_frames
        if self._buffer is None:
            self._buffer = FrameBuffer(self.layout.spec, size)
        for start in range(0, len(placed.batch), size):
            some = placed.part(start, start + size)
            if self._buffer.room < len(some.batch):
                self.flush()
            self._buffer.add(some)
        if not self._buffer.room or self.batch == size:
            self.flush()

    def _write_pixels(self, indices: NDArray[np.int64], pixels: NDArray[Any]) -> None:
        import tensorstore

        transaction = tensorstore.Transaction()
        target = self._array.with_transaction(transaction)
        writes = [
            target[indices[start] : indices[start] + stop - start].write(
                pixels[start:stop], can_reference_source_data_indefinitely=True
            )
            for start, stop in runs(indices)
        ]
        for write in writes:  # one whose future is let go of before it is taken would be forgotten
            write.copy.result()
        transaction.commit_sync()

    def _sync_shards(self, indices: NDArray[np.int64]) -> None:
        for number in np.unique(indices // self.layout.shard_frames).tolist():
            path = self.folder / IMAGE / self.layout.shard_path(number)
            self._syncing.add(path, len(self.layout.spec.shape))

    def _sync_headers(self, chunk: Path) -> None:
        self._syncing.add(chunk, 1)

    def _grow(self, length: int) -> None:
        if length > self._length:
            write_document(self.folder / HEADERS, self.layout.headers_document(length))
            write_document(self.folder / IMAGE, self.layout.array_document(length))
            self._length = length
