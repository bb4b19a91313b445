"""The stream of drift: the common motion of the tracker's reference beads, a row for each frame."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from parfocal.analysis.beads.quality import XY_FLAGS, Z_FLAGS
from parfocal.core.errors import BadInputError
from parfocal.core.files import replace_file
from parfocal.tracking.running_drift import DriftState, RunningDrift

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from parfocal.tracking.running_drift import FrameDrift

DRIFT_DTYPE = np.dtype(
    [
        ("frame", "<u8"),
        ("time_ns", "<i8"),
        ("x_nm", "<f8"),
        ("y_nm", "<f8"),
        ("z_nm", "<f8"),
        ("references", "<u2"),
        ("used", "<u2"),
        ("lost", "<U32"),
    ]
)
"""The drift in a frame: number and end of the exposure as in the tracks, how far the references have moved
since the first row (NaN where none tells it), how many were chosen and how many tell x and y, and which ones
do not, such as "3, 17", or "3, 17, ..." where there are more than it has room for."""


class DriftStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The drift just now.

    Attributes
    ----------
    references : tuple of int
        Beads that were chosen.
    used : int
        How many of them told the drift in the newest frame.
    lost : tuple of int
        Those that did not: not tracked, come a moment ago, or moving by themselves.
    x_nm, y_nm, z_nm : float or None
        How far they have moved since the first row of the stream; None where none of them tells it.
    """

    references: tuple[int, ...] = ()
    used: int = 0
    lost: tuple[int, ...] = ()
    x_nm: float | None = None
    y_nm: float | None = None
    z_nm: float | None = None


class KeptDrift(msgspec.Struct, frozen=True):
    """What a tracker that is started anew goes on with; of another rig (`owner`) it is left alone."""

    owner: int
    drift: DriftState


class DriftFeed:
    """Makes rows of drift (`DRIFT_DTYPE`) from those of the tracker; none while no reference is chosen.

    Parameters
    ----------
    write : callable
        Takes the rows.
    kept : Path
        File in which the places of the references outlive this process.
    owner : int
        Pid of the rig's main process.
    pixel_nm : float
        Edge of a pixel; NaN if it is not known: then x and y are not, either.
    """

    def __init__(
        self, write: Callable[[NDArray[Any]], None], kept: Path, owner: int, pixel_nm: float
    ) -> None:
        self._write, self._path, self._owner = write, kept, owner
        self._scale = np.array([pixel_nm, pixel_nm, 1.0])
        self._lock = threading.Lock()
        self._drift = RunningDrift(state=_load(kept, owner))
        self._status = DriftStatus(references=self._drift.chosen)
        self.newest = np.zeros(0, DRIFT_DTYPE)
        """The rows of drift of the frames that were added last."""

    def choose(self, references: Sequence[int]) -> DriftStatus:
        """Go by other references; the drift makes no step by that.

        Raises
        ------
        BadInputError
            If a bead is named twice; if nobody knows the size of a pixel.
        """
        if references and np.isnan(self._scale[0]):
            raise BadInputError("a drift is told in nm, and the camera does not say how large its pixels are")
        with self._lock:
            self._drift.choose(references)
            return self._changed()

    def renumber(self, numbers: Mapping[int, int]) -> None:
        """Go by new numbers of the references; those without one are gone."""
        with self._lock:
            self._drift.renumber(numbers)
            self._changed()

    def add(self, rows: NDArray[Any]) -> None:
        """Take more rows, whole frames in order, and write as many rows of drift as there are frames."""
        with self._lock:
            members = self._drift.members
            if not members:
                self.newest = self.newest[:0]
                return
            frames, first, positions = reference_positions(rows, members, self._scale)
            drifts = []
            for time_ns, place in zip(rows["time_ns"][first].tolist(), positions, strict=True):
                if self._drift.members != members:  # those that had been chosen before were done with
                    kept = [members.index(bead) for bead in self._drift.members]
                    members, positions = self._drift.members, positions[:, kept]
                    place = place[kept]
                drifts.append(self._drift.add(time_ns * 1e-9, place))
            self.newest = drift_rows(frames, rows["time_ns"][first], drifts, len(self._drift.chosen))
            self._write(self.newest)
            self._status = _status(self._drift.chosen, drifts[-1])
            self._keep()

    @property
    def status(self) -> DriftStatus:
        """The drift just now. Any thread."""
        return self._status

    def _changed(self) -> DriftStatus:
        self._keep()
        self._status = DriftStatus(references=self._drift.chosen, lost=self._drift.chosen)
        return self._status

    def _keep(self) -> None:
        replace_file(self._path, msgspec.json.encode(KeptDrift(self._owner, self._drift.state())))


def reference_positions(
    rows: NDArray[Any], beads: Sequence[int], scale: NDArray[np.float64]
) -> tuple[NDArray[Any], NDArray[np.int64], NDArray[np.float64]]:
    """Return numbers of frames, the first row of each, and positions of beads in them (frames, beads, 3), nm.

    NaN where a bead has no row, or one whose flags say that it shows nothing of its place, or of its height.

    Examples
    --------
    >>> places = [("x_px", "f8"), ("y_px", "f8"), ("z_nm", "f8")]
    >>> rows = np.zeros(3, [("frame", "u8"), ("bead", "i4"), *places, ("flags", "u4")])
    >>> rows["frame"], rows["bead"], rows["x_px"] = [5, 5, 6], [1, 2, 2], [10, 20, 21]
    >>> frames, first, positions = reference_positions(rows, [2], np.array([100.0, 100.0, 1.0]))
    >>> frames.tolist(), first.tolist(), positions[:, 0, 0].tolist()
    ([5, 6], [0, 2], [2000.0, 2100.0])
    """
    changes = np.flatnonzero(np.diff(rows["frame"].astype(np.int64))) + 1
    first = np.concatenate([[0], changes])
    of_row = np.repeat(np.arange(len(first)), np.diff([*first, len(rows)]))
    positions = np.full((len(first), len(beads), 3), np.nan)
    for place, bead in enumerate(beads):
        its = np.flatnonzero(rows["bead"] == bead)
        own = rows[its]
        values = np.stack([own["x_px"], own["y_px"], own["z_nm"]], axis=1) * scale
        values[(own["flags"] & np.uint32(XY_FLAGS)) != 0] = np.nan
        values[(own["flags"] & np.uint32(Z_FLAGS)) != 0, 2] = np.nan
        positions[of_row[its], place] = values
    return rows["frame"][first], first, positions


def drift_rows(
    frames: NDArray[Any], times_ns: NDArray[Any], drifts: Sequence[FrameDrift], references: int
) -> NDArray[Any]:
    """Return a row (`DRIFT_DTYPE`) for each frame."""
    rows = np.zeros(len(frames), DRIFT_DTYPE)
    rows["frame"], rows["time_ns"], rows["references"] = frames, times_ns, references
    for row, drift in zip(rows, drifts, strict=True):
        row["x_nm"], row["y_nm"], row["z_nm"] = drift.nm
        row["used"], row["lost"] = drift.used, _listed(drift.lost)
    return rows


def _listed(beads: Sequence[int]) -> str:
    """Return their numbers; where there is no room for all, whole numbers and dots.

    Examples
    --------
    >>> _listed([3, 17]), _listed(range(100, 200))
    ('3, 17', '100, 101, 102, 103, 104, ...')
    """
    room = DRIFT_DTYPE["lost"].itemsize // 4
    whole = ", ".join(map(str, beads))
    if len(whole) <= room:
        return whole
    return whole[: whole.rindex(", ", 0, room - len(", ..."))] + ", ..."


def _status(references: tuple[int, ...], drift: FrameDrift) -> DriftStatus:
    x_nm, y_nm, z_nm = (None if np.isnan(value) else float(value) for value in drift.nm)
    return DriftStatus(
        references=references, used=drift.used, lost=drift.lost, x_nm=x_nm, y_nm=y_nm, z_nm=z_nm
    )


def _load(path: Path, owner: int) -> DriftState | None:
    """Return what a tracker of this rig left, or None."""
    try:
        kept = msgspec.json.decode(path.read_bytes(), type=KeptDrift)
    except FileNotFoundError:
        return None
    return kept.drift if kept.owner == owner else None
