"""Drift by reference beads, frame by frame: references that change make no step in it."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import numpy as np

from parfocal.core.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    Samples = deque[tuple[float, float]]

JOINS_AFTER = 20
"""Frames in a row that a reference has to be tracked in before it counts; and those that tell its place."""
_REMEMBERS = 1000
"""Over so many frames the place of a reference goes on being averaged."""
_STRAYS = 8.0
"""A reference that is so many times its own noise away from the others moves by itself."""
_LEAST_NOISE_NM = 0.1
"""Weighs references no more than so far apart: a noise from 20 frames may be small by chance."""
_AXES = np.arange(3)


class FrameDrift(NamedTuple):
    """The drift in one frame.

    Attributes
    ----------
    nm : ndarray, (3,)
        Along x, y and z since the first frame with a drift; NaN where no reference tells it.
    used : int
        How many references tell x and y.
    lost : tuple of int
        Chosen references that do not: they are not tracked, have just come, or move by themselves.
    """

    nm: NDArray[np.float64]
    used: int
    lost: tuple[int, ...]


class DriftState(msgspec.Struct, frozen=True):
    """What a `RunningDrift` has to know to go on, as plain data: see `RunningDrift.state`."""

    chosen: tuple[int, ...] = ()
    members: tuple[int, ...] = ()
    places: tuple[tuple[float | None, ...], ...] = ()
    noise: tuple[tuple[float, ...], ...] = ()
    counts: tuple[tuple[float, ...], ...] = ()
    known: tuple[tuple[tuple[float, float], ...], ...] = ((), (), ())


class RunningDrift:
    """The common motion of reference beads, frame by frame.

    Each reference has a place: where it lies less the drift. The drift is the mean of position less place
    over the references that are tracked, weighted by their noise, so that it does not matter which ones these
    are: one that is lost, or comes back, makes no step. A new one gets its place from 20 frames in which the
    others tell the drift. Where none does, because one took the place of another and no frame has both,
    straight lines through 20 frames on either side tell the step, as in `subtract_drift`; after a pause of
    more than 20 frames the drift goes on from where it was. Places are averaged on over the next frames such
    that the drift of the present frame stays what it is.

    A reference that moves by itself (8 times its own noise away from the others: one that comes loose) is
    left out, and taken in again at its new place when it has stayed away for 20 frames. Of two, the one that
    is nearer to the last drift is believed; a single one is the drift, whatever it does.

    Attributes
    ----------
    chosen : tuple of int
        The references.

    Examples
    --------
    >>> drift = RunningDrift([4, 7])
    >>> for t in range(60):
    ...     both = np.array([[100.0 + t, 0, 0], [300.0 + t, 0, 0]])
    ...     if t > 40:
    ...         both[0] = np.nan
    ...     now = drift.add(float(t), both)
    >>> now.nm.round(6).tolist(), now.used, now.lost
    ([49.5, 0.0, 0.0], 1, (4,))
    """

    def __init__(self, references: Sequence[int] = (), state: DriftState | None = None) -> None:
        state = state or DriftState()
        self.chosen = state.chosen
        self.members = state.members
        """Whose positions `add` takes, in this order: the chosen ones, and those before them until one of
        the new ones counts."""
        self._places = _array(state.places)
        self._noise = _array(state.noise)
        self._counts = _array(state.counts)
        self._strayed, self._straying = np.zeros((len(self.members), 3), int), False
        self._known: list[Samples] = [deque(each, JOINS_AFTER) for each in state.known]
        self._clear_recent()
        if references:
            self.choose(references)

    def choose(self, references: Sequence[int]) -> None:
        """Take other references; those before them tell the drift until one of the new ones does.

        Raises
        ------
        BadInputError
            If a bead is named twice.
        """
        chosen = tuple(int(bead) for bead in references)
        if len(set(chosen)) < len(chosen):
            raise BadInputError(f"references {list(chosen)} name a bead twice")
        self.chosen = chosen
        self._keep(dict.fromkeys((*chosen, *self.members)) if chosen else ())
        self._retire()

    def forget(self, beads: Iterable[int]) -> None:
        """Have these beads be references no more; they are gone."""
        gone = set(beads)
        self.chosen = tuple(bead for bead in self.chosen if bead not in gone)
        self._keep(bead for bead in self.members if bead not in gone)

    def renumber(self, numbers: Mapping[int, int]) -> None:
        """Go by new numbers of the same beads; those without a new one are gone."""
        self.forget(bead for bead in self.members if bead not in numbers)
        self.chosen = tuple(numbers[bead] for bead in self.chosen)
        self.members = tuple(numbers[bead] for bead in self.members)

    def add(self, time_s: float, positions_nm: NDArray[np.float64]) -> FrameDrift:
        """Take the positions of a frame, return its drift.

        Parameters
        ----------
        time_s : float
            Of the frame; later than that of the frame before.
        positions_nm : ndarray, (members, 3)
            x, y and z of each of `members`; NaN where one was not tracked.
        """
        moved = positions_nm - self._places
        use = np.isfinite(moved)
        if use.any():
            self._leave_out_strays(moved, use)
        weight = np.where(use, 1 / np.maximum(self._noise, _LEAST_NOISE_NM) ** 2, 0.0)
        total = weight.sum(axis=0)
        known = total > 0
        safe = np.where(known, total, 1.0)
        drift = np.where(known, np.where(use, weight * moved, 0.0).sum(axis=0) / safe, np.nan)
        self._refine(np.where(use, moved - drift, 0.0), use, weight / safe)
        for axis in np.flatnonzero(known).tolist():
            self._known[axis].append((time_s, float(drift[axis])))
        told = np.flatnonzero(use[:, :2].all(axis=1)).tolist()
        telling = {self.members[place] for place in told}
        lost = tuple(bead for bead in self.chosen if bead not in telling)
        self._times.append(time_s)
        self._recent.append((positions_nm, drift))
        self._take_in()
        return FrameDrift(drift, len(told), lost)

    def state(self) -> DriftState:
        """Return what another one has to know to go on after this one."""
        return DriftState(
            self.chosen,
            self.members,
            tuple(tuple(None if np.isnan(x) else x for x in row) for row in self._places.tolist()),
            tuple(map(tuple, self._noise.tolist())),
            tuple(map(tuple, self._counts.tolist())),
            tuple(tuple(each) for each in self._known),
        )

    def _keep(self, members: Iterable[int]) -> None:
        """Go over to other members; what is known of those that stay is kept."""
        old = {bead: place for place, bead in enumerate(self.members)}
        kept = tuple(members)
        if kept == self.members:
            return
        index = np.array([old.get(bead, -1) for bead in kept], int)
        for name, empty in (("_places", np.nan), ("_noise", 1.0), ("_counts", 0.0)):
            before = np.vstack([getattr(self, name), np.full((1, 3), empty)])
            setattr(self, name, before[index])
        self.members = kept
        self._strayed, self._straying = np.zeros((len(kept), 3), int), False
        self._clear_recent()

    def _retire(self) -> None:
        """Do without members that are not chosen, once one that is tells x and y."""
        chosen = [bead in self.chosen for bead in self.members]
        if not all(chosen) and np.isfinite(self._places[chosen, :2]).all(axis=1).any():
            self._keep(bead for bead in self.members if bead in self.chosen)

    def _clear_recent(self) -> None:
        self._times: deque[float] = deque(maxlen=JOINS_AFTER)
        self._recent: deque[tuple[NDArray[np.float64], NDArray[np.float64]]] = deque(maxlen=JOINS_AFTER)

    def _leave_out_strays(self, moved: NDArray[np.float64], use: NDArray[np.bool_]) -> None:
        """Clear `use` of those that are away from the others; forget the place of one that stays away."""
        reach = _STRAYS * np.maximum(self._noise, _LEAST_NOISE_NM)
        astray = use & (np.abs(np.where(use, moved - self._middle(moved, use), 0.0)) > reach)
        if astray.any() or self._straying:
            self._strayed = np.where(astray, self._strayed + 1, 0)
            self._straying = bool(astray.any())
            use &= ~astray
            self._places[self._strayed >= JOINS_AFTER] = np.nan

    def _middle(self, moved: NDArray[np.float64], use: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Return the median along each axis; of two, the one that is nearer to the last drift."""
        count = use.sum(axis=0)
        ordered = np.sort(np.where(use, moved, np.inf), axis=0)
        middle = ordered[np.minimum(count // 2, len(ordered) - 1), _AXES]
        for axis in np.flatnonzero(count == 2).tolist():
            if self._known[axis]:
                two = ordered[:2, axis]
                middle[axis] = two[np.abs(two - self._known[axis][-1][1]).argmin()]
        return np.asarray(middle)

    def _refine(
        self, residual: NDArray[np.float64], use: NDArray[np.bool_], share: NDArray[np.float64]
    ) -> None:
        """Average the places on, such that the drift by these references stays what it is."""
        self._counts += use
        step = residual / np.clip(self._counts, 1, _REMEMBERS)
        step -= (share * step).sum(axis=0)
        self._places += np.where(use, step, 0.0)

    def _take_in(self) -> None:
        """Give a place to members that were tracked in enough frames one after the other."""
        waiting = np.isnan(self._places)
        if not waiting.any() or len(self._recent) < JOINS_AFTER:
            return
        positions = np.stack([each for each, _ in self._recent])
        drifts = np.stack([each for _, each in self._recent])
        ready = waiting & np.isfinite(positions).all(axis=0)
        for member, axis in np.argwhere(ready).tolist():
            self._join(member, axis, positions[:, member, axis], drifts[:, axis])
        if ready.any():
            self._retire()

    def _join(
        self, member: int, axis: int, positions: NDArray[np.float64], drift: NDArray[np.float64]
    ) -> None:
        told = np.isfinite(drift)
        times = np.array(self._times)
        if told.any():
            still = positions[told] - drift[told]
            place = float(still.mean())
        else:
            still = positions - _line(times, positions, times)
            place = self._place_after_gap(axis, times, positions)
        self._places[member, axis] = place
        self._noise[member, axis] = still.std() if len(still) > JOINS_AFTER // 2 else 1.0
        self._counts[member, axis] = JOINS_AFTER

    def _place_after_gap(
        self, axis: int, times: NDArray[np.float64], positions: NDArray[np.float64]
    ) -> float:
        """Return the place with which the drift goes on evenly from the last frames that had one."""
        known = np.array(self._known[axis])
        if not len(known):
            return float(positions.mean())
        ends, begins = float(known[-1, 0]), float(times[0])
        if begins - ends > times[-1] - times[0]:
            before, after = ends, begins
        else:
            before = after = (ends + begins) / 2
        was = float(_line(known[:, 0], known[:, 1], np.array(before)))
        return float(_line(times, positions, np.array(after))) - was


def _line(
    times: NDArray[np.float64], values: NDArray[np.float64], at: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the straight line through values, or their mean if there are fewer than three, at some times."""
    middle = times.mean()
    if len(times) < 3:
        return np.full(at.shape, values.mean())
    centred = times - middle
    slope = (centred * values).sum() / (centred**2).sum()
    return np.asarray(values.mean() + slope * (at - middle))


def _array(rows: Sequence[Sequence[float | None]]) -> NDArray[np.float64]:
    return np.array([[np.nan if x is None else x for x in row] for row in rows], float).reshape(-1, 3)
