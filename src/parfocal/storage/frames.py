"""Frames on disk: an OME-Zarr 0.5 image that grows while it is written and claims no frame it does not hold.

The array's ``zarr.json`` is replaced only after the shards and headers that it speaks of are written, so a
reader, or whoever comes after a crash, sees exactly the frames that were acknowledged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from parfocal.core.errors import AlreadyExistsError, BadInputError, FolderVanishedError
from parfocal.core.frames import Frame, FrameSpec
from parfocal.storage.disk import replace_file, storage_errors, sync_tree
from parfocal.storage.headers import HeaderFile, length_of, read_headers
from parfocal.storage.numbering import Numbering
from parfocal.storage.ome_zarr import (
    HEADER_CHUNK,
    HEADERS,
    IMAGE,
    NOT_STORED,
    Codec,
    Document,
    FrameLayout,
    layout_in,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from parfocal.core.frames import FrameHeader

_ENDLESS = 2**40
_META = "zarr.json"


@dataclass(frozen=True, slots=True)
class Placed:
    """A frame, its index in the run, and its sequence number in the stream that it came from."""

    index: int
    sequence: int
    frame: Frame


class FrameStore:
    """Writes frames into an OME-Zarr image, each at its index.

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
        self._headers = HeaderFile(folder / HEADERS)
        self._block: NDArray[Any] | None = None
        self._waiting: list[Placed] = []
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
            Upper limit of the frames in one file, which are also the frames that one `put` should bring.

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
        headers = read_headers(folder)
        held = np.flatnonzero(headers["frame"] != NOT_STORED)
        numbering = Numbering(first_sequence)
        if held.size:
            last = headers[held[-1]]
            numbering.resume(index=int(held[-1]), sequence=int(last["sequence"]), number=int(last["frame"]))
        return cls(folder, layout, length_of(folder / IMAGE), numbering, held.size)

    @property
    def length(self) -> int:
        """Frames that the file spans: those in it, and the gaps between them."""
        return self._length

    @property
    def room(self) -> int:
        """How many frames the shard at the end can still take: the best number for the next `put`."""
        shard = self.layout.shard_frames
        return shard - self.numbering.next_index % shard

    def put(self, placed: Sequence[Placed]) -> None:
        """Write frames straight from their memory; when it returns they are in the file.

        Parameters
        ----------
        placed : sequence of Placed
            With increasing indices. Their pixels are read during the call, and not after it.

        Raises
        ------
        BadInputError
            If a frame has not the shape and type of the image; nothing was written.
        DiskFullError, FolderVanishedError, StorageError
            If they could not be written; what the file held before is untouched.
        """
        if not placed:
            return
        for one in placed:
            self._check(one.frame.data)
        if not (self.folder / IMAGE / _META).exists():
            raise FolderVanishedError(f"the folder {self.folder} disappeared while it was written")
        with storage_errors(self.folder):
            self._write_pixels(placed)
            indices = np.array([one.index for one in placed], np.int64)
            self._headers.put(indices, np.array([_row(one) for one in placed], np.int64))
            self._grow(int(indices[-1]) + 1)
        self.stored += len(placed)

    def write(self, data: NDArray[Any], header: FrameHeader) -> None:
        """Copy one frame; it is in the file when its shard is full, or after `flush`.

        Blocks while a full shard is written. Indices count from the first frame; a gap in the camera's
        numbers leaves a gap in the file. Raises what `put` raises.
        """
        self._check(data)
        if self._block is None:
            self._block = np.empty((self.layout.shard_frames, *data.shape), data.dtype)
        sequence = self.numbering.next_sequence
        index = self.numbering.place(sequence, header.frame)
        slot = self._block[len(self._waiting)]
        np.copyto(slot, data)
        self._waiting.append(Placed(index, sequence, Frame(slot, header)))
        if len(self._waiting) == len(self._block) or self.room == len(self._block):
            self.flush()

    def flush(self) -> None:
        """Bring what `write` took into the file."""
        waiting, self._waiting = self._waiting, []
        self.put(waiting)

    def close(self) -> None:
        """Write what is left, and return when all of it is on stable storage. Idempotent."""
        if self._closed:
            return
        self._closed = True
        self.flush()
        self._headers.close()
        with storage_errors(self.folder):
            interval_s = _interval_s(read_headers(self.folder, most=HEADER_CHUNK))
            _write_document(
                self.folder, self.layout.group_document(self.folder.name.split(".")[0], interval_s)
            )
            sync_tree(self.folder)

    def abandon(self) -> None:
        """Let go of the files without writing, after an error. What was acknowledged stays readable."""
        self._closed = True
        self._waiting.clear()
        self._headers.close()

    def __enter__(self) -> FrameStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _check(self, data: NDArray[Any]) -> None:
        spec = self.layout.spec
        if data.shape != spec.shape or data.dtype != np.dtype(spec.dtype):
            raise BadInputError(
                f"a frame of shape {data.shape}, {data.dtype} does not fit into {self.folder.name}, "
                f"which holds {spec.shape}, {spec.dtype}"
            )

    def _write_pixels(self, placed: Sequence[Placed]) -> None:
        import tensorstore

        transaction = tensorstore.Transaction()
        target = self._array.with_transaction(transaction)
        writes = [
            target[one.index].write(one.frame.data, can_reference_source_data_indefinitely=True)
            for one in placed
        ]
        for write in writes:  # a write whose future is let go of before it is taken would be forgotten
            write.copy.result()
        transaction.commit_sync()

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
        "kvstore": {"driver": "file", "path": str(folder)},
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


def _row(placed: Placed) -> tuple[int, ...]:
    header = placed.frame.header
    return header.frame, header.time_ns, header.utc_ns, header.exposure_ns, placed.sequence


def _interval_s(headers: NDArray[np.void]) -> float | None:
    """Return the median time from frame to frame, or None where it is not known."""
    times = headers["time_ns"][headers["frame"] != NOT_STORED]
    steps = np.diff(times)
    steps = steps[steps > 0]
    return float(np.median(steps)) * 1e-9 if steps.size else None
