"""Thumbnails: drawn in a process of their own for what is seen, kept within a budget. Any thread."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable

from parfocal.app.browser.arrangement import Key
from parfocal.app.browser.browser_worker import BrowserWorker
from parfocal.app.browser.messages import Answer, DrawThumbnail, Pixels, ThumbnailDrawn
from parfocal.app.browser.rows import ImageRow
from parfocal.core.clock import SYSTEM_CLOCK

_BUDGET_BYTES = 48 * 2**20
_DRAWN_WITHIN_S = 30.0
SIZE_PX = 256
Stamp = tuple[int, int]


class Thumbnails:
    """Pictures of rows by their key, the newest `budget_bytes` of them.

    Only what was wanted last is drawn: what was scrolled away before its turn is not.

    Attributes
    ----------
    version : int
        Counts the pictures that were drawn.
    """

    def __init__(self, budget_bytes: int = _BUDGET_BYTES) -> None:
        self._budget_bytes = budget_bytes
        self._lock = threading.Lock()
        self._held: OrderedDict[Key, tuple[Stamp, Pixels | None, str]] = OrderedDict()
        self._wanted: OrderedDict[Key, ImageRow] = OrderedDict()
        self._drawing: ImageRow | None = None
        self._worker = BrowserWorker(self._take)
        self.nbytes = 0
        self.version = 0

    def get(self, row: ImageRow) -> Pixels | None:
        """Return the picture of a row, (y, x) uint8; None if there is none, or none yet."""
        with self._lock:
            held = self._held.get(row.key)
            return None if held is None else held[1]

    def problem(self, row: ImageRow) -> str:
        """Return why there is no picture of a row; "" if there is one, or nobody has tried."""
        with self._lock:
            held = self._held.get(row.key)
            return "" if held is None else held[2]

    def want(self, rows: Iterable[ImageRow]) -> None:
        """Have these drawn, the first first, and nothing else."""
        with self._lock:
            self._wanted = OrderedDict(
                (row.key, row)
                for row in rows
                if row.shape and not row.problem and self._held.get(row.key, (None,))[0] != _stamp(row)
            )
            request = self._next()
        if request is not None:
            self._worker.ask(request)

    def check(self) -> None:
        """End a process that does not get on with a picture."""
        asked_ns = self._worker.asked_ns
        if asked_ns and SYSTEM_CLOCK.monotonic_ns() - asked_ns > _DRAWN_WITHIN_S * 1e9:
            self._worker.kill()

    def close(self) -> None:
        """End the process. Idempotent."""
        self._worker.close()

    def _take(self, answer: Answer | str) -> None:
        with self._lock:
            drawn = self._drawing
            assert drawn is not None
            if isinstance(answer, ThumbnailDrawn):
                self._hold(drawn, answer.pixels, answer.problem)
            else:
                self._hold(drawn, None, f"the process that read it {answer}")
            self._drawing = None
            request = self._next()
        if request is not None:
            self._worker.ask(request)

    def _hold(self, row: ImageRow, pixels: Pixels | None, problem: str) -> None:
        """Keep a picture, or that there is none, and let go of those that were used least recently."""
        before = self._held.pop(row.key, None)
        self.nbytes += _nbytes(pixels) - (0 if before is None else _nbytes(before[1]))
        self._held[row.key] = _stamp(row), pixels, problem
        while self.nbytes > self._budget_bytes and len(self._held) > 1:
            self.nbytes -= _nbytes(self._held.popitem(last=False)[1][1])
        self.version += 1

    def _next(self) -> DrawThumbnail | None:
        if self._drawing is not None or not self._wanted:
            return None
        self._drawing = self._wanted.popitem(last=False)[1]
        return DrawThumbnail(self._drawing, SIZE_PX)


def _stamp(row: ImageRow) -> Stamp:
    return row.time_ns, sum(row.sizes.values())


def _nbytes(pixels: Pixels | None) -> int:
    return 64 if pixels is None else pixels.nbytes + 64
