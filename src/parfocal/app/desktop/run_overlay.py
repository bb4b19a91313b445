"""What the analysis of a run says of its images: the cells that were found, and the mask that was lit."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np

from parfocal.app.desktop.followers import LOOKS_EVERY_S, StreamFollower
from parfocal.core.clock import SYSTEM_CLOCK
from parfocal.core.errors import StreamError
from parfocal.core.frames import Frame
from parfocal.streams import follow_lossless
from parfocal.viewers.run_feed import ANALYSED, EVENTS, LABELS, MASKS
from parfocal.viewers.run_join import EventPlace, JoinedFrame, RunJoin, as_particles

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from parfocal.core.run_status import RunStatus
    from parfocal.streams import LosslessReader

_K = TypeVar("_K", bound=tuple[Any, Any])
_COLUMN = {EVENTS: "number", "tracks": "particle", "stimulations": "image_event"}
"""A column by which the rows of a run are told from others of that name, such as tracks of beads."""
_MOST_BYTES = 512_000_000
"""Of cells, and of masks: what was found longest ago is let go of, at positions that have no room."""


class LitMask(NamedTuple):
    """A mask that was lit, and at which time point."""

    t: int
    image: NDArray[Any]


class RunOverlay(StreamFollower):
    """Follows the analysis of one run in a thread, for images that are shown as they come. Close it.

    Parameters
    ----------
    folder : Path
        Of the rig's streams.
    run : RunStatus
        The run. What other runs wrote is left out.
    """

    def __init__(self, folder: Path, run: RunStatus) -> None:
        self._run = run
        self._lock = threading.Lock()
        self._join = RunJoin()
        self._cells: dict[int, tuple[JoinedFrame, NDArray[Any]]] = {}
        self._masks: dict[int, LitMask] = {}
        super().__init__(folder, LABELS)

    def place(self, time_ns: int) -> EventPlace | None:
        """Return where an image belongs whose exposure ended then; None while the run has not told."""
        with self._lock:
            return self._join.place(time_ns)

    def cells(self, place: EventPlace) -> NDArray[Any] | None:
        """Return the cells found last at the position of an image, the same array until there are others."""
        with self._lock:
            found = self._cells.get(place.p)
            return None if found is None else found[1]

    def mask(self, place: EventPlace) -> NDArray[Any] | None:
        """Return the mask that was lit at the position and the time point of an image; None if none was."""
        with self._lock:
            lit = self._masks.get(place.p)
            return None if lit is None or lit.t != place.t else lit.image

    def _follow(self) -> None:
        with ExitStack() as stack:
            readers = {
                name: stack.enter_context(follow_lossless(self._folder, name, "drop", since="start"))
                for name in (EVENTS, *ANALYSED, LABELS, MASKS)
            }
            while not self._closed.is_set():
                for name, reader in readers.items():
                    while (found := _polled(reader)) is not None and not self._closed.is_set():
                        with self._lock:
                            self._take(name, reader, found)
                SYSTEM_CLOCK.wait(self._closed, LOOKS_EVERY_S)

    def _take(self, stream: str, reader: LosslessReader, found: Any) -> None:
        """Take in what a stream has brought."""
        if isinstance(found, Frame):
            if self._is_mine(found.header.utc_ns):
                placed = self._join.add_frame(stream, found.header.time_ns, found.data)
                self._put([] if placed is None else [placed])
        elif _COLUMN[stream] in (found.dtype.names or ()):
            if stream == EVENTS:
                self._put(self._join.add_events(found))
            elif self._is_mine(SYSTEM_CLOCK.utc_ns() - SYSTEM_CLOCK.monotonic_ns() + reader.created_ns):
                self._take_rows(stream, found)

    def _take_rows(self, stream: str, rows: NDArray[Any]) -> None:
        if stream == "stimulations":
            self._put_masks(self._join.add_stimulations(rows))
            return
        numbers = self._join.add_tracks(rows)
        self._put([labels for labels, _ in self._cells.values() if labels.place.number in numbers])

    def _put(self, placed: list[JoinedFrame]) -> None:
        for one in placed:
            if one.stream == MASKS:
                self._put_masks(self._join.add_mask(one.place.number, one.image))
            else:
                particles = self._join.particles(one.place.number)
                cells = one.image if particles is None else as_particles(one.image, particles)
                keep_newest(self._cells, one.place.p, (one, cells), _MOST_BYTES)

    def _put_masks(self, lit: list[tuple[int, int, NDArray[Any]]]) -> None:
        for t, p, mask in lit:
            keep_newest(self._masks, p, LitMask(t, mask != 0), _MOST_BYTES)

    def _is_mine(self, utc_ns: int) -> bool:
        """Whether a time is not before the run; there is another overlay for the next one."""
        return utc_ns * 1e-9 >= self._run.created_at


def keep_newest(kept: dict[int, _K], p: int, found: _K, most_bytes: int) -> None:
    """Keep what was found last at a position, its image last of it; of others the newest that have room.

    Examples
    --------
    >>> kept = {}
    >>> for p in (0, 1, 2, 1):
    ...     keep_newest(kept, p, (p, np.zeros((10, 10), np.uint8)), most_bytes=250)
    >>> [*kept]
    [2, 1]
    """
    kept.pop(p, None)
    kept[p] = found
    while len(kept) > 1 and len(kept) * found[-1].nbytes > most_bytes:
        del kept[next(iter(kept))]


def _polled(reader: LosslessReader) -> Any:
    """Return what a reader has; None if that is nothing, or its stream is away."""
    try:
        found = reader.poll()
    except StreamError:
        return None
    return None if isinstance(found, np.ndarray) and not len(found) else found
