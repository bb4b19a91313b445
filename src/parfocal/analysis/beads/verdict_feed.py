"""Verdicts on all beads as the rows come: by the motion of the last seconds, once a second."""

from __future__ import annotations

import threading
from collections import deque
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from parfocal.analysis.beads.motion import MOTION_DTYPE, motion_of, motion_sums, steadier
from parfocal.analysis.beads.verdicts import (
    JUDGED_DTYPE,
    MOVING,
    BeadVerdict,
    common_motion,
    in_words,
    judge,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from numpy.typing import NDArray

    from parfocal.analysis.beads.verdicts import ExpectedMotion
    from parfocal.core.clock import Clock

_EVERY_NS = 1_000_000_000
_NO_ROWS = "no frame of it was tracked yet"


class VerdictFeed:
    """Keeps the motion of the last `window_s` seconds, and a verdict on each bead since when.

    Seconds are those of the frames: while the camera stands still, so do the verdicts.

    Parameters
    ----------
    clock : Clock
        Tells the date of a frame.
    pixel_nm : float
        Edge of a pixel.
    window_s : float
        Over how long motion is looked at.
    drift : callable
        Returns the rows of drift (`DRIFT_DTYPE`) of the frames that are added, empty without references.
    """

    def __init__(
        self, clock: Clock, pixel_nm: float, window_s: float, drift: Callable[[], NDArray[Any]]
    ) -> None:
        self._clock, self._pixel_nm, self._drift = clock, pixel_nm, drift
        self.window_s = window_s
        self._expected: ExpectedMotion | None = None
        self._lock = threading.Lock()
        self._blocks: deque[tuple[int, NDArray[Any], NDArray[Any]]] = deque()  # as seen, and less the drift
        self._judged_ns = self._origin_ns = 0
        self._since: dict[int, tuple[int, int]] = {}
        self._newest: tuple[NDArray[Any], NDArray[Any], ExpectedMotion | None] = (
            np.zeros(0, MOTION_DTYPE), np.zeros(0, JUDGED_DTYPE), None,
        )  # fmt: skip

    @property
    def possible(self) -> bool:
        """Whether the size of a pixel is known."""
        return bool(np.isfinite(self._pixel_nm))

    def add(self, rows: NDArray[Any]) -> None:
        """Take more rows, whole frames in order."""
        if not self.possible:
            return
        with self._lock:
            now_ns = int(rows["time_ns"][-1])
            if not self._blocks:
                self._origin_ns = int(rows["time_ns"][0])
            self._blocks.append((now_ns, *self._sums(rows, self._drift())))
            while self._blocks[0][0] < now_ns - self.window_s * 1e9:
                self._blocks.popleft()
            if now_ns - self._judged_ns >= _EVERY_NS:
                self._judge(now_ns)

    def renumber(self, numbers: Mapping[int, int]) -> None:
        """Go by new numbers of the same beads; those without a new one are forgotten."""
        with self._lock:
            self._blocks = deque(
                (time_ns, _renumbered(seen, numbers), _renumbered(corrected, numbers))
                for time_ns, seen, corrected in self._blocks
            )
            self._since = {numbers[bead]: was for bead, was in self._since.items() if bead in numbers}
            newest, judged, expected = self._newest
            self._newest = _renumbered(newest, numbers), _renumbered(judged, numbers), expected

    def expect(self, expected: ExpectedMotion | None) -> None:
        """Go by another measure, at once for the rows there are; None for what the beads have in common."""
        with self._lock:
            self._expected = expected
            if self._blocks:
                self._judge(self._blocks[-1][0])

    def verdicts(self, beads: Collection[int]) -> list[BeadVerdict]:
        """Return the verdict on each of these beads. Any thread."""
        with self._lock:
            motion, judged, expected = self._newest
            since = dict(self._since)
        places = {bead: place for place, bead in enumerate(judged["bead"].tolist())}
        return [
            in_words(motion[place], judged[place], expected, self._date(since[bead][1]))
            if (place := places.get(bead)) is not None
            else BeadVerdict(bead=bead, verdict="not judged", reasons=(_NO_ROWS,))
            for bead in beads
        ]

    def _sums(self, rows: NDArray[Any], drift: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return the sums over rows as they were seen, and less the drift."""
        places = places_less_drift(rows, drift[:0], self._pixel_nm)
        seen = corrected = motion_sums(rows, places, self._pixel_nm, self._origin_ns)
        if len(drift):
            places = places_less_drift(rows, drift, self._pixel_nm)
            corrected = motion_sums(rows, places, self._pixel_nm, self._origin_ns)
        return seen, corrected

    def _judge(self, now_ns: int) -> None:
        self._judged_ns = now_ns
        _, seen, corrected = zip(*self._blocks, strict=True)
        motion = steadier(motion_of(seen), motion_of(corrected))
        before = self._since
        moving = [bead for bead, (was, _) in before.items() if was in MOVING]
        expected = self._expected or common_motion(motion, moving)
        judged = judge(motion, expected, moving)
        self._newest = motion, judged, expected
        self._since = {}
        for bead, verdict in zip(judged["bead"].tolist(), judged["verdict"].tolist(), strict=True):
            was = before.get(bead)
            self._since[bead] = was if was is not None and was[0] == verdict else (verdict, now_ns)

    def _date(self, time_ns: int) -> str:
        utc_ns = self._clock.utc_ns() - self._clock.monotonic_ns() + time_ns
        return datetime.fromtimestamp(utc_ns * 1e-9, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _renumbered(rows: NDArray[Any], numbers: Mapping[int, int]) -> NDArray[Any]:
    kept = rows[np.isin(rows["bead"], list(numbers))]
    kept["bead"] = [numbers[bead] for bead in kept["bead"].tolist()]
    return kept


def places_less_drift(rows: NDArray[Any], drift: NDArray[Any], pixel_nm: float) -> NDArray[np.float64]:
    """Return positions in nm, (n, 3), less the drift of their frames where there is one; NaN where it is NaN.

    Examples
    --------
    >>> def row(*values, names):
    ...     return np.array([values], [("frame", "u8"), *((name, "f8") for name in names)])
    >>> rows = row(5, 1.0, 0.0, 7.0, names=("x_px", "y_px", "z_nm"))
    >>> drift = row(5, 30.0, 0.0, 2.0, names=("x_nm", "y_nm", "z_nm"))
    >>> places_less_drift(rows, drift, 100.0).tolist(), places_less_drift(rows, drift[:0], 100.0).tolist()
    ([[70.0, 0.0, 5.0]], [[100.0, 0.0, 7.0]])
    """
    places = np.stack([rows["x_px"] * pixel_nm, rows["y_px"] * pixel_nm, rows["z_nm"]], axis=1)
    if len(drift):
        place = np.minimum(np.searchsorted(drift["frame"], rows["frame"]), len(drift) - 1)
        moved = np.stack([drift["x_nm"], drift["y_nm"], drift["z_nm"]], axis=1)[place]
        moved[np.isnan(moved[:, 2]) & np.isfinite(moved[:, 0]), 2] = 0.0  # without z tables
        places -= np.where((drift["frame"][place] == rows["frame"])[:, None], moved, 0.0)
    return places
