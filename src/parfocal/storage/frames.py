"""Frames on disk: an OME-Zarr 0.5 image that grows while it is written and claims no frame it does not hold.

The array's ``zarr.json`` is replaced only after the shards and headers that it speaks of are written, so a
reader, or whoever comes after a crash, sees exactly the frames that were acknowledged.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from parfocal.core.errors import AlreadyExistsError, BadInputError, FolderVanishedError
from parfocal.core.files import replace_file, sync_file
from parfocal.core.frames import FrameSpec
from parfocal.storage.block import Block, Placed
from parfocal.storage.disk import storage_errors
from parfocal.storage.headers import HeaderFile, length_of, read_headers, runs
from parfocal.storage.numbering import Numbering
from parfocal.storage.ome_zarr import (
    HEADER_CHUNK,
    HEADER_COLUMNS,
    HEADERS,
    IMAGE,
    NOT_STORED,
    Codec,
    Document,
    FrameLayout,
    layout_in,
)
from parfocal.storage.outcome import Count
from parfocal.storage.sync import SyncThread
from parfocal.streams import HEADER_DTYPE, FrameBatch

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from parfocal.core.frames import FrameHeader

_ENDLESS = 2**40
_META = "zarr.json"
_CHUNKS = "c"


class FrameStore:
    """Writes frames into an OME-Zarr image, each at its index.

    An index is a frame's number in the run; a frame that was lost leaves a gap there, and shifts nothing.
    Make one with `create` or `resume`. Not thread-safe: one thread at a time.

    Attributes
    ----------
    stored : int
        Frames in the file.
    numbering : Numbering
        Gives frames their index; `resume` lets it go on where the file ends.
    """

    def __init__(
        self, folder: Path, layout: FrameLayout, length: int, numbering: Numbering, stored: int
    ) -> None:
        self.folder = folder
        self.layout = layout
        self.numbering = numbering
        self.stored = stored
        self._length = length
        self._array = _open_array(folder / IMAGE, layout, _ENDLESS)
        self._syncing = SyncThread(f"sync of {folder.name}")
        self._headers = HeaderFile(folder / HEADERS, self._sync_headers)
        self._block: Block | None = None
        self._closed = False

    @classmethod
    def create(
        cls,
        folder: Path,
        spec: FrameSpec,
        *,
        first_sequence: int = 0,
        codec: Codec = "blosc-lz4",
        most_per_shard: int | None = None,
    ) -> FrameStore:
        """Make an empty image.

        Parameters
        ----------
        folder : Path
            Of the image; must not exist.
        spec : FrameSpec
            What each frame looks like.
        first_sequence : int
            Number in the stream of the first frame that belongs to the image.
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
        if folder.exists():
            raise AlreadyExistsError(
                f"{folder} exists; a recording is never overwritten, choose another name"
            )
        with storage_errors(folder.parent):
            for part in (folder / IMAGE, folder / HEADERS):
                part.mkdir(parents=True)
            _write_document(folder / HEADERS, layout.headers_document(0))
            _write_document(folder / IMAGE, layout.array_document(0))
            _write_document(folder, layout.group_document(folder.name.split(".")[0]))
        return cls(folder, layout, 0, Numbering(first_sequence), 0)

    @classmethod
    def resume(cls, folder: Path, *, first_sequence: int = 0) -> FrameStore:
        """Go on with an image whose writer ended without closing it."""
        layout = _layout_of(folder)
        with storage_errors(folder):
            headers = read_headers(folder)
        held = np.flatnonzero(headers["frame"] != NOT_STORED)
        numbering = Numbering(first_sequence)
        if held.size:
            last = headers[held[-1]]
            numbering.resume(index=int(held[-1]), sequence=int(last["sequence"]), number=int(last["frame"]))
        store = cls(folder, layout, length_of(folder / IMAGE), numbering, held.size)
        store._syncing.add(folder)  # nobody knows how much of it the process before this one has brought down
        return store

    @property
    def length(self) -> int:
        """Frames that the file spans: those in it, and the gaps between them."""
        return self._length

    @property
    def room(self) -> int:
        """How many frames the shard at the end can still take: the best number for the next `append`."""
        shard = self.layout.shard_frames
        return shard - self.numbering.next_index % shard

    def count(self, end: int = 0) -> Count:
        """Return what is stored of all that was produced before number `end`, or that the camera lost."""
        numbering = self.numbering
        expected = numbering.next_index + max(0, end - numbering.next_sequence)
        return Count(expected=expected, stored=self.stored, uncounted=self._syncing.failed)

    def append(self, batch: FrameBatch, sequence: int) -> None:
        """Write frames straight from their memory, each at its index; when it returns they are in the file.

        Parameters
        ----------
        batch : FrameBatch
            Frames that follow one another. They are read during the call, and not after it.
        sequence : int
            Number in the stream of the first one. Frames that were taken before are left out, so that what is
            offered again after a restart is stored once.

        Raises
        ------
        BadInputError
            If the frames have not the shape and type of the image; nothing was written.
        DiskFullError, FolderVanishedError, StorageError
            If they could not be written; what the file held before is untouched.
        """
        if self._block is not None and self._block.taken:
            self.hold(batch, sequence)
            self.flush()
        else:
            self.put(self._place(batch, sequence))

    def hold(self, batch: FrameBatch, sequence: int) -> None:
        """Copy frames as `append` takes them; they go to the file when their shard is full, or by `flush`.

        Blocks while a full shard is written. Raises what `append` raises.
        """
        placed = self._place(batch, sequence)
        if self._block is None:
            self._block = Block(self.layout.spec, self.layout.shard_frames)
        for start in range(0, len(placed.batch), self.layout.shard_frames):
            part = slice(start, start + self.layout.shard_frames)
            some = Placed(placed.indices[part], placed.sequences[part], placed.batch[part])
            if self._block.room < len(some.batch):
                self.flush()
            self._block.add(some)
        if not self._block.room or self.room == self.layout.shard_frames:
            self.flush()

    def write(self, data: NDArray[Any], header: FrameHeader) -> None:
        """Copy the next frame, as `hold` does; what the camera's numbers say was lost leaves a gap."""
        headers = np.array([msgspec.structs.astuple(header)], HEADER_DTYPE)
        self.hold(FrameBatch(data[np.newaxis], headers), self.numbering.next_sequence)

    def flush(self) -> None:
        """Bring what was copied into the file."""
        if self._block is not None:
            placed = self._block.content
            self._block.clear()
            self.put(placed)

    def put(self, placed: Placed) -> None:
        """Write frames at increasing indices of the caller's choice. Otherwise as `append`."""
        indices, sequences, batch = placed
        if not len(batch):
            return
        self._check(batch)
        if not (self.folder / IMAGE / _META).exists():
            raise FolderVanishedError(f"the folder {self.folder} disappeared while it was written")
        with storage_errors(self.folder):
            self._syncing.check()
            self._write_pixels(indices, batch.data)
            columns = [batch.headers[name] for name in HEADER_COLUMNS[:-1]]
            self._headers.put(indices, np.stack([*columns, sequences], axis=1))
            self._grow(int(indices[-1]) + 1)
            self._sync_shards(indices)
        self.stored += len(batch)

    def close(self) -> None:
        """Write what is left, and return when all of it is on stable storage. Idempotent."""
        if self._closed:
            return
        self._closed = True
        self.flush()
        with storage_errors(self.folder):
            self._headers.close()
            interval_s = _interval_s(read_headers(self.folder, most=HEADER_CHUNK))
            _write_document(
                self.folder, self.layout.group_document(self.folder.name.split(".")[0], interval_s)
            )
            for part in (self.folder / IMAGE, self.folder / HEADERS, self.folder):
                for path in (part / _META, part / _CHUNKS, part):
                    sync_file(path)
            self._syncing.close()

    def abandon(self) -> None:
        """Let go of the files without writing, after an error. What was acknowledged stays readable."""
        self._closed = True
        self._block = None
        self._headers.close()
        self._syncing.abandon()

    def __enter__(self) -> FrameStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _place(self, batch: FrameBatch, sequence: int) -> Placed:
        """Return those frames of `batch` that are new, with their indices."""
        self._check(batch)
        known = max(0, self.numbering.next_sequence - sequence)
        fresh = batch[known:]
        sequences = np.arange(sequence + known, sequence + known + len(fresh))
        numbers = zip(sequences.tolist(), fresh.headers["frame"].tolist(), strict=True)
        indices = np.array([self.numbering.place(*pair) for pair in numbers], np.int64)
        return Placed(indices, sequences, fresh)

    def _check(self, batch: FrameBatch) -> None:
        spec, data = self.layout.spec, batch.data
        if data.shape[1:] != spec.shape or data.dtype != np.dtype(spec.dtype):
            raise BadInputError(
                f"frames of shape {data.shape[1:]}, {data.dtype} do not fit into {self.folder.name}, "
                f"which holds {spec.shape}, {spec.dtype}"
            )

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
            _write_document(self.folder / HEADERS, self.layout.headers_document(length))
            _write_document(self.folder / IMAGE, self.layout.array_document(length))
            self._length = length


def open_frames(folder: Path) -> Any:
    """Return the pixels of an image as a read-only tensorstore array (t, y, x), as long as it is just now.

    Examples
    --------
    ``open_frames(folder)[7].read().result()`` is frame 7 of the run; `read_headers` tells if it is there.
    """
    return _open_array(folder / IMAGE, _layout_of(folder), length_of(folder / IMAGE), read=True)


def _open_array(folder: Path, layout: FrameLayout, length: int, **mode: Any) -> Any:
    import tensorstore

    document = layout.array_document(length)
    schema = {key: document[key] for key in document if key not in ("zarr_format", "node_type")}
    spec = {
        "driver": "zarr3",
        "kvstore": {"driver": "file", "path": folder.as_posix()},
        "metadata": schema,
        "assume_metadata": True,
        "context": {"file_io_sync": False, "cache_pool": {"total_bytes_limit": 0}},
    }
    with storage_errors(folder):
        return tensorstore.open(spec, **mode).result()


def _layout_of(folder: Path) -> FrameLayout:
    try:
        return layout_in(msgspec.json.decode((folder / _META).read_bytes()))
    except (OSError, msgspec.DecodeError) as error:
        raise BadInputError(f"{folder} holds no frames: {error}") from error


def _write_document(folder: Path, document: Document) -> None:
    replace_file(folder / _META, msgspec.json.encode(document))


def _interval_s(headers: NDArray[np.void]) -> float | None:
    """Return the median time from frame to frame, or None where it is not known."""
    times = headers["time_ns"][headers["frame"] != NOT_STORED]
    steps = np.diff(times)
    steps = steps[steps > 0]
    return float(np.median(steps)) * 1e-9 if steps.size else None
