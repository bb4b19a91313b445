"""The regions of the beads, cut out of each frame: a stream of small frames, and where each of them lay."""

from __future__ import annotations

import threading
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from parfocal.core.errors import BadInputError, StreamError, StreamTimeoutError
from parfocal.core.files import replace_file
from parfocal.core.frames import FrameSpec, RowSpec
from parfocal.streams import StreamWriter, open_stream

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from parfocal.analysis.beads.rois import RoiSet
    from parfocal.core.frames import Frame
    from parfocal.streams import LosslessReader

NOWHERE = -1
"""Corner of a bead that has no region any more: its pixels are 0."""
CORNER_DTYPE = np.dtype(
    [
        *((name, "<i8") for name in ("frame", "time_ns")),
        *((name, "<i4") for name in ("channel", "bead", "y_px", "x_px")),
    ]
)
"""A row for each region of each frame: its channel in the image, its bead, its first pixel in the frame."""
_BYTES = 64 * 2**20
_FEWEST, _MOST = 8, 256
_ROWS = 1 << 16
_WAIT_S = 0.1


class VideoRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Of which beads there is video, in the order of the channels; `owner` is the rig's process."""

    owner: int
    beads: tuple[int, ...]


def cut_regions(frame: NDArray[Any], corners: NDArray[np.int64], size_px: int, out: NDArray[Any]) -> None:
    """Copy the regions of a frame.

    Parameters
    ----------
    frame : ndarray, shape (y, x)
        The whole image.
    corners : ndarray of int, shape (n, 2)
        y and x of the first pixel of each region; `NOWHERE` for one that there is not.
    size_px : int
        Edge of all regions, which lie within the image.
    out : ndarray, shape (n, size_px, size_px)
        Where they go.

    Examples
    --------
    >>> frame, out = np.arange(16).reshape(4, 4), np.ones((2, 2, 2), int)
    >>> cut_regions(frame, np.array([[1, 2], [-1, -1]]), 2, out)
    >>> out.tolist()
    [[[6, 7], [10, 11]], [[0, 0], [0, 0]]]
    """
    there = corners[:, 0] >= 0
    windows = sliding_window_view(frame, (size_px, size_px))
    if there.all():
        out[:] = windows[corners[:, 0], corners[:, 1]]
    else:
        out[:] = 0
        out[there] = windows[corners[there, 0], corners[there, 1]]


def corners_of(rois: RoiSet, beads: tuple[int, ...]) -> NDArray[np.int64]:
    """Return y and x of the first pixel of the regions of some beads, shape (n, 2).

    Examples
    --------
    >>> from parfocal.analysis.beads.rois import RoiSet
    >>> rois = RoiSet(roi_px=64, width_px=640, height_px=480).added([(100.0, 200.0), (300.0, 200.0)])
    >>> corners_of(rois, (1, 7, 0)).tolist()
    [[168, 268], [-1, -1], [168, 68]]
    """
    places = dict(zip(rois.beads, rois.corners().tolist(), strict=True))
    return np.array([places.get(bead, (NOWHERE, NOWHERE)) for bead in beads], np.int64).reshape(-1, 2)


class RoiVideo:
    """Cuts the regions of some beads out of all frames, in a thread of its own. Any thread may use it.

    Which beads these are is fixed when it begins: where their regions move, the picture follows; a bead that
    is removed is dark. It goes on after the death of its process. The camera never waits for it: what it is
    too slow for is missing, and is counted by whoever records its stream.

    Parameters
    ----------
    folder : Path
        Of the streams.
    frames, video, corners : str
        Streams that it reads and writes.
    kept : Path
        Where it is kept that it is on.
    owner : int
        Pid of the rig's process.
    rois : callable
        Returns the regions as they are now.
    log : logging.Logger
        Told if it ends by an error.
    """

    def __init__(
        self,
        folder: Path,
        frames: str,
        video: str,
        corners: str,
        *,
        kept: Path,
        owner: int,
        rois: Callable[[], RoiSet],
        log: logging.Logger,
    ) -> None:
        self._folder, self._source = folder, frames
        self.frames, self.corners = video, corners
        self._kept, self._owner, self._rois, self._log = kept, owner, rois, log
        self._changing = threading.Lock()
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None
        self._reader: LosslessReader | None = None
        self.beads: tuple[int, ...] = ()
        self.written = 0
        self.error = ""

    def go_on(self) -> None:
        """Begin again if a process before this one was at it."""
        with suppress(FileNotFoundError):
            request = msgspec.json.decode(self._kept.read_bytes(), type=VideoRequest)
            if request.owner == self._owner:
                self.start(request.beads)

    def start(self, beads: tuple[int, ...]) -> None:
        """Begin with these beads; one that goes on with others ends.

        Raises
        ------
        BadInputError
            If there are none.
        StreamError
            If there is no room for the stream.
        """
        with self._changing:
            self._end()
            if not beads:
                raise BadInputError("there are no regions to make a video of; add or find beads first")
            stream = open_stream(self._folder, self._source)
            assert isinstance(stream.spec, FrameSpec)
            size = self._rois().roi_px
            spec = msgspec.structs.replace(stream.spec, shape=(len(beads), size, size), axes="cyx")
            slots = min(max(_BYTES // spec.nbytes, _FEWEST), _MOST)
            with ExitStack() as stack:
                writer = stack.enter_context(StreamWriter(self._folder, self.frames, spec, slots))
                rows = RowSpec.of(CORNER_DTYPE)
                corners = stack.enter_context(StreamWriter(self._folder, self.corners, rows, _ROWS))
                reader = stream.lossless("drop", self.frames, follow=True)
                stack.callback(reader.close)
                request = VideoRequest(owner=self._owner, beads=beads)
                replace_file(self._kept, msgspec.json.encode(request))
                self.beads, self.written, self.error, self._reader = beads, 0, "", reader
                self._ending.clear()
                self._thread = threading.Thread(
                    target=self._run,
                    args=(reader, writer, corners, stack.pop_all()),
                    name="roi video",
                    daemon=True,
                )
            self._thread.start()

    def stop(self) -> None:
        """End, after the frames that there are; idempotent."""
        with self._changing:
            self._end()
            self._kept.unlink(missing_ok=True)

    def close(self) -> None:
        """End with the service: whoever comes after goes on, if this process died."""
        with self._changing:
            self._end()

    @property
    def pixel_bytes(self) -> int:
        """What a pixel of the frames takes."""
        spec = open_stream(self._folder, self._source).spec
        assert isinstance(spec, FrameSpec)
        return np.dtype(spec.dtype).itemsize

    @property
    def is_on(self) -> bool:
        """Whether it goes on."""
        thread = self._thread
        return thread is not None and thread.is_alive()

    def behind(self) -> int:
        """Return how many frames there are of which the regions are not cut out yet."""
        reader = self._reader
        if reader is None or not self.is_on:
            return 0
        with suppress(StreamError):  # the camera is being started again
            return max(0, reader.produced - reader.position)
        return 0

    def _end(self) -> None:
        self._ending.set()
        if self._thread is not None:
            self._thread.join()
        self._thread = self._reader = None

    def _run(
        self, reader: LosslessReader, writer: StreamWriter, corners: StreamWriter, closing: ExitStack
    ) -> None:
        try:
            with closing:
                rois = self._rois()
                places = corners_of(rois, self.beads)
                while not self._ending.is_set():
                    try:
                        with reader.lease(_WAIT_S) as frame:
                            if (now := self._rois()) is not rois:
                                rois, places = now, corners_of(now, self.beads)
                            self._write(writer, corners, frame, places)
                    except StreamTimeoutError:
                        _tell_next_number(reader, writer)
        except Exception as error:  # noqa: BLE001 (border of the thread: logged, and told by `error`)
            self.error = str(error) or type(error).__name__
            self._log.exception("the video of the regions has ended")

    def _write(
        self,
        writer: StreamWriter,
        corners: StreamWriter,
        frame: Frame,
        places: NDArray[np.int64],
    ) -> None:
        """Write a frame of regions, and then where each of them lay."""
        header = frame.header
        with writer.slot() as slot:
            cut_regions(frame.data, places, slot.data.shape[-1], slot.data)
            slot.header = header
        rows = np.empty(len(places), CORNER_DTYPE)
        rows["frame"], rows["time_ns"] = header.frame, header.time_ns
        rows["channel"], rows["bead"] = np.arange(len(places)), self.beads
        rows["y_px"], rows["x_px"] = places[:, 0], places[:, 1]
        corners.write_rows(rows)
        self.written += 1


def _tell_next_number(reader: LosslessReader, writer: StreamWriter) -> None:
    """Tell whoever records the video which number its next frame would have: the last ones may be lost."""
    with suppress(StreamError):
        if reader.next_number >= 0 and reader.produced == reader.position:
            writer.set_next_number(reader.next_number)
