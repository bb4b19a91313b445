"""The reader of the newest frame. It skips older ones: for viewers, not for records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from parfocal.core.errors import BadInputError
from parfocal.core.frames import Frame
from parfocal.streams import layout as at
from parfocal.streams import ledger
from parfocal.streams.attaching import AttachRequest
from parfocal.streams.doorbell import deadline_of
from parfocal.streams.reader import AttachedReader

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from parfocal.streams.following import RingLocation


class LatestReader(AttachedReader):
    """Reads the newest frame, counts what it skipped, and never holds the writer up. See `Stream.latest`."""

    def __init__(
        self,
        rings: RingLocation,
        name: str = "",
        newest: bool = False,
        on_attach: Callable[[LatestReader], None] | None = None,
    ) -> None:
        request = AttachRequest(name, ledger.LATEST, "newest" if newest else "now", rings.follows)
        super().__init__(rings, request, on_attach)

    def read(self, timeout_s: float | None = None, most: int | None = None) -> Any:
        """Return a copy of the newest `Frame` not yet seen; of a stream of rows, all rows not yet seen.

        Parameters
        ----------
        timeout_s : float or None
            How long to wait for something new; None waits for ever.
        most : int or None
            Of rows, only the newest so many.

        Raises
        ------
        BadInputError
            If `timeout_s` is not a number, or `most` below 1.
        StreamTimeoutError
            If nothing new came within `timeout_s`.
        StreamClosedError, StreamRemovedError
            If nothing new will come.
        WriterDiedError
            Within a second of the writer's death, if nothing new came and no successor writes by then. None
            of the three for a reader that follows.
        """
        if most is not None and most < 1:
            raise BadInputError(f"most must be at least 1, not {most}")
        deadline = deadline_of(timeout_s)
        self._begin()
        try:
            while (taken := self._take(most, None)) is None:
                self._wait(deadline)
            return taken
        finally:
            self._end()

    def poll(self, out: NDArray[Any] | None = None) -> Any | None:
        """Return what `read` would, or None if there is nothing new. Never waits; raises like `read`.

        For a display's timer: it costs a few microseconds and the copy, and asks nothing of the writer.

        Parameters
        ----------
        out : ndarray or None
            Takes the pixels, in the shape and dtype of the stream, and is the `data` of the frame that is
            returned; None for a new array.
        """
        self._begin()
        try:
            if (taken := self._take(None, out)) is None:
                self._look()
            return taken
        finally:
            self._end()

    def _take(self, most: int | None, out: NDArray[Any] | None) -> Any | None:
        """Return what is new; None if there is nothing, or if it left the ring while it was taken."""
        entry = self._entry
        if entry is None or entry.closed:
            return None
        while self._words[at.HEAD] > entry.position:
            taken = self._take_frame(out) if self._frames else self._take_rows(most)
            if taken is not None:
                return taken
        return None

    def _take_frame(self, out: NDArray[Any] | None) -> Frame | None:
        entry, slots = self._entry, self._frames
        assert entry is not None
        assert slots is not None
        newest = self._words[at.HEAD] - 1
        slot, _ = slots.find(newest, 1) if entry.lease(newest, 1) else (0, 0)
        tail = self._words[at.TAIL]
        if tail > newest:
            entry.move(tail, skipped=tail - entry.position)
            entry.end_lease()
            return None
        if newest > entry.position:
            entry.move(newest, skipped=newest - entry.position)
        try:
            frame = _copy(slots.view(slot), out), slots.header(slot)
            entry.move(newest + 1, delivered=1)
        finally:
            entry.end_lease()
        return Frame(*frame)

    def _take_rows(self, most: int | None) -> Any | None:
        entry, rows = self._entry, self._rows
        assert entry is not None
        assert rows is not None
        head = self._words[at.HEAD]
        first = max(entry.position, self._words[at.TAIL], head - (head if most is None else most))
        taken = rows.copy(first, head - first)
        if self._words[at.TAIL] > first:
            return None
        entry.move(head, delivered=len(taken), skipped=first - entry.position)
        return taken


def _copy(pixels: NDArray[Any], out: NDArray[Any] | None) -> NDArray[Any]:
    if out is None:
        return pixels.copy()
    np.copyto(out, pixels, casting="no")
    return out
