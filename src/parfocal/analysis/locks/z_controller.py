"""What the Z-lock decides: rows of the tracker and positions of the focus in, corrections out. Pure.

::

                 fresh samples           good beads                 error
    rows  ──────► window full ──────► at least half ──────► mean of measured - target ──────► correction
                     ▲                                                                            │
                     └──── cleared after a move, an outside move, new regions, a claim ◄──────────┘
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from parfocal.analysis.beads.quality import Z_FLAGS
from parfocal.analysis.locks.samples import FreshSamples

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from parfocal.analysis.locks.settings import ZLockConfig
    from parfocal.analysis.locks.status import LockState

MOST_GROWING = 5
"""After so many corrections each of which left a larger error, above `max_nm` by then, the lock gives up."""

_EDGE_NM = 1e-6
"""So far from a limit a position is meant to stay: a sum that is rounded must not lie beyond."""


class FocusReading(NamedTuple):
    """The focus just now: position and limits in nm, whether it moves, and the run that claims it.

    `disturbed` tells that it stood elsewhere for a while since the last reading.
    """

    position_nm: float
    low_nm: float
    high_nm: float
    moving: bool = False
    claimed_by: str = ""
    disturbed: bool = False


class ZDecision(NamedTuple):
    """What the lock does now, and why: in a word, and as a sentence for people.

    `move_nm` is by how much the focus is to be moved, 0 for not at all; `measured` and `targets` are heights
    by bead.
    """

    state: LockState
    why: str
    reason: str = ""
    move_nm: float = 0.0
    measured: Mapping[int, float] = {}
    targets: Mapping[int, float] = {}

    @property
    def error_nm(self) -> float:
        """Mean height of the beads above where they are to be; NaN without any."""
        errors = [height - self.targets[bead] for bead, height in self.measured.items()]
        return sum(errors) / len(errors) if errors else math.nan


class ZController:
    """Holds the mean height of some beads. Times are monotonic ns, heights and positions nm.

    Each bead has a target of its own, so that one that is lost, or comes back, makes no step.

    Attributes
    ----------
    targets : dict of int to float
        The height at which each bead is held, as far as it was seen.
    lost : tuple of int
        Beads that were not good in half of the last frames.
    expected_nm : float
        Where the focus stands if nobody else has moved it; NaN if nobody knows.
    """

    def __init__(self, settings: ZLockConfig) -> None:
        self.targets: dict[int, float] = {}
        self.lost: tuple[int, ...] = ()
        self._settings = settings
        self._samples = self._new_samples()
        self._latching = settings.target_nm == "latch"
        self.expected_nm = math.nan
        self._heard_ns = self._due_ns = 0
        self._last_error, self._growing = math.inf, 0

    def begin(self, now_ns: int, position_nm: float, *, keep_targets: bool = False) -> None:
        """Hold from now on what fresh rows show, or the targets there are."""
        if not keep_targets:
            self.targets = {}
            self._latching = self._settings.target_nm == "latch"
        self.lost = ()
        self._heard_ns = now_ns
        self.moved(now_ns, position_nm)
        self._due_ns = now_ns
        self._last_error, self._growing = math.inf, 0

    def change(self, settings: ZLockConfig, now_ns: int) -> None:
        """Go by other settings. Targets stay with beads that stay, unless another target was set."""
        old, self._settings = self._settings, settings
        if settings.target_nm != old.target_nm:
            self.targets = {}
            self._latching = settings.target_nm == "latch"
        self.targets = {bead: z for bead, z in self.targets.items() if bead in settings.beads}
        if (settings.beads, settings.window) != (old.beads, old.window):
            self._samples = self._new_samples()
            self._samples.clear(now_ns)
        self._due_ns = min(self._due_ns, now_ns + _ns(settings.interval_s))

    def see(self, rows: NDArray[Any], now_ns: int) -> None:
        """Take rows of the tracker, in order."""
        self._heard_ns = now_ns
        self._samples.add(rows)

    def restart(self) -> None:
        """Forget the rows there are: a new tracker writes them from now on."""
        self._samples.restart()

    def hurry(self, now_ns: int) -> None:
        """Have the next correction due now."""
        self._due_ns = min(self._due_ns, now_ns)

    def ready(self, now_ns: int) -> bool:
        """Whether there is something to decide."""
        return now_ns >= self._due_ns and (self._samples.full or self._is_silent(now_ns))

    def decide(self, now_ns: int, focus: FocusReading) -> ZDecision:
        """Return what is to be done, when it is `ready`. If that is a move, `moved` tells how it went."""
        self._due_ns = now_ns + _ns(self._settings.interval_s)
        return (
            self._disturbance(now_ns, focus)
            or self._silence(now_ns)
            or self._correction(focus, dict(self._heights()))
        )

    def moved(self, now_ns: int, position_nm: float) -> None:
        """Take note that the focus has arrived: it is expected there from now on; older rows are stale."""
        self.expected_nm = position_nm
        self._samples.clear(now_ns + _ns(self._settings.settle_s))

    def interrupted(self, now_ns: int) -> None:
        """Take note that nobody knows where the focus stands: its process has ended, or does not answer."""
        self.moved(now_ns, math.nan)
        self._due_ns = now_ns + _ns(self._settings.interval_s)

    def _disturbance(self, now_ns: int, focus: FocusReading) -> ZDecision | None:
        """Return what to do about a focus that others move."""
        settings, clear_ns = self._settings, now_ns + _ns(self._settings.settle_s)
        if focus.claimed_by and settings.while_claimed == "pause":
            self._samples.clear(clear_ns)
            return ZDecision("paused", "claimed", f"run {focus.claimed_by!r} uses the focus")
        if focus.moving:
            self._samples.clear(clear_ns)
            return ZDecision("waiting", "moving", "the focus is moving")
        away_nm = focus.position_nm - self.expected_nm
        if math.isnan(away_nm):
            self.moved(now_ns, focus.position_nm)
            return ZDecision("waiting", "focus back", "the focus answers again")
        if abs(away_nm) > settings.outside_nm:
            self.moved(now_ns, focus.position_nm)
            reason = f"somebody moved the focus by {away_nm:.0f} nm"
            if settings.outside == "off":
                return ZDecision("off", "outside move", reason)
            self.targets, self._latching = {}, True
            return ZDecision("waiting", "outside move", f"{reason}: the beads are held where they are now")
        if focus.disturbed:
            self._samples.clear(clear_ns)
            return ZDecision("waiting", "moving", "the focus was moved, and back")
        return None

    def _silence(self, now_ns: int) -> ZDecision | None:
        if not self._is_silent(now_ns):
            return None
        self._samples.clear(now_ns)
        silent_s = (now_ns - self._heard_ns) / 1e9
        return ZDecision("paused", "no rows", f"no rows came from the tracker for {silent_s:.1f} s")

    def _correction(self, focus: FocusReading, heights: Mapping[int, float]) -> ZDecision:
        chosen = self._settings.beads
        self.lost = tuple(bead for bead in chosen if bead not in heights)
        if 2 * len(heights) < len(chosen) or not heights:
            return ZDecision("paused", "lost", f"beads {list(self.lost)} of {list(chosen)} are lost")
        is_new = self._aim(heights)
        decision = ZDecision("holding", "latched", "", 0.0, heights, dict(self.targets))
        if is_new and self._latching:
            return decision
        error = decision.error_nm
        if self._runs_away(error):
            return decision._replace(
                state="off",
                why="runaway",
                reason=f"{MOST_GROWING} corrections in a row made the error larger, {error:.0f} nm by now: "
                "the drift is too fast, or the z tables are not of this focus",
            )
        move_nm, why = z_correction(error, focus, self._settings)
        decision = decision._replace(why=why, move_nm=move_nm)
        if why == "limit" and not move_nm:
            return decision._replace(
                state="paused", reason=f"the focus is at its limit, {focus.position_nm:.0f} nm"
            )
        return decision

    def _aim(self, heights: Mapping[int, float]) -> bool:
        """Give beads without a target one; return whether none had one before."""
        known = [heights[bead] - self.targets[bead] for bead in heights if bead in self.targets]
        error = sum(known) / len(known) if known else 0.0
        target = self._settings.target_nm
        for bead, height in heights.items():
            if self._latching or target == "latch":
                self.targets.setdefault(bead, height - error)
            else:
                self.targets.setdefault(bead, target)
        return not known

    def _runs_away(self, error: float) -> bool:
        self._growing = self._growing + 1 if abs(error) > abs(self._last_error) else 0
        self._last_error = error
        return self._growing >= MOST_GROWING and abs(error) > self._settings.max_nm

    def _heights(self) -> Mapping[int, float]:
        return {bead: height for bead, (height,) in self._samples.means().items()}

    def _is_silent(self, now_ns: int) -> bool:
        return now_ns - self._heard_ns > _ns(self._settings.silent_after_s)

    def _new_samples(self) -> FreshSamples:
        return FreshSamples(("z_nm",), Z_FLAGS, self._settings.window, self._settings.beads)


def z_correction(error_nm: float, focus: FocusReading, settings: ZLockConfig) -> tuple[float, str]:
    """Return by how much to move the focus, and why that much: damped, capped, within the limits.

    Examples
    --------
    >>> from parfocal.analysis.locks.settings import ZLockConfig
    >>> settings = ZLockConfig(damping=0.5, max_nm=200)
    >>> focus = FocusReading(position_nm=900.0, low_nm=-1000.0, high_nm=1000.0)
    >>> z_correction(100.0, focus, settings), z_correction(1000.0, focus, settings)
    ((-50.0, 'corrected'), (-200.0, 'capped'))
    >>> move_nm, why = z_correction(-300.0, focus, settings)
    >>> round(move_nm, 2), why
    (100.0, 'limit')
    >>> z_correction(1.0, focus, settings)
    (0.0, 'small')
    """
    wanted = -(1 - settings.damping) * error_nm
    if abs(wanted) < settings.min_nm:
        return 0.0, "small"
    capped = math.copysign(min(abs(wanted), settings.max_nm), wanted)
    low, high = focus.low_nm + _EDGE_NM, focus.high_nm - _EDGE_NM
    end = focus.position_nm + capped
    if low <= end <= high:
        return capped, "corrected" if capped == wanted else "capped"
    possible = min(max(end, low), high) - focus.position_nm
    is_worth_it = possible * capped > 0 and abs(possible) >= settings.min_nm
    return (possible if is_worth_it else 0.0), "limit"


def _ns(seconds: float) -> int:
    return round(seconds * 1e9)
