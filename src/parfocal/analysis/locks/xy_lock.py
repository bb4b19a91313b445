"""The XY-lock: a service that has regions follow their beads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from parfocal.analysis.beads.quality import XY_FLAGS
from parfocal.analysis.locks.corrections import XY_DTYPE
from parfocal.analysis.locks.lock_service import LockService
from parfocal.analysis.locks.samples import FreshSamples
from parfocal.analysis.locks.settings import XYLockConfig
from parfocal.analysis.locks.status import LockStatus
from parfocal.analysis.locks.xy_controller import region_moves
from parfocal.core.errors import ParfocalError
from parfocal.ipc import Declared, command
from parfocal.processes import LOOP, ServiceContext

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from parfocal.analysis.beads.rois import RoiSet

_ANSWER_S = 2.0


class XYLock(LockService):
    """Moves regions after their beads, by whole pixels, all in one command: `on` until `off`.

    Where a bead is, is the mean over a window of fresh frames. Regions of beads that are lost stay. It pauses
    while all are lost, no rows come, or the tracker refuses, such as while z tables are being made, and goes
    on by itself.
    """

    Config = XYLockConfig
    dtype = XY_DTYPE
    settings: XYLockConfig

    def open(self, context: ServiceContext) -> None:
        """Attach to the streams."""
        self._heard_ns = self._due_ns = 0
        self._rois: RoiSet | None = None
        self._samples = self._new_samples(self.settings)
        super().open(context)

    def settings_changed(self, old: XYLockConfig, new: XYLockConfig) -> None:
        """Go by other settings at once."""
        now_ns = self.context.clock.monotonic_ns()
        if (old.beads, old.window) != (new.beads, new.window):
            self._samples = self._new_samples(new)
            self._samples.clear(now_ns)
        self._due_ns = min(self._due_ns, now_ns + round(new.interval_s * 1e9))

    @command(lane=LOOP, effect="changes")
    def set(
        self,
        beads: list[int] | Literal["all"] | None = None,
        interval_s: float | None = None,
        window: int | None = None,
        max_px: float | None = None,
        silent_after_s: float | None = None,
    ) -> LockStatus:
        """Change settings, also while the lock is on; what is not named stays. `get_settings` tells them all.

        `beads` are those whose regions follow, or "all"; `interval_s` and `window` say how often, and by the
        mean of how many fresh frames; `max_px` is how far a region moves at once along x and y.
        """
        return self.change(
            beads=beads, interval_s=interval_s, window=window, max_px=max_px, silent_after_s=silent_after_s
        )

    def begin(self, *, keep: bool) -> None:
        """Begin with fresh rows."""
        del keep  # it aims at nothing but where the beads are
        if self.settings.beads != "all":
            self.check_beads(self.settings.beads)
        self._rows.poll()
        self._heard_ns = self._due_ns = self.context.clock.monotonic_ns()
        self._samples.clear(self._heard_ns)

    def hurry(self, now_ns: int) -> None:
        """Have the next correction due now."""
        self._due_ns = min(self._due_ns, now_ns)

    def see(self, rows: NDArray[Any], now_ns: int) -> None:
        """Take rows of the tracker in."""
        self._heard_ns = now_ns
        self._samples.add(rows)

    def tracks_restarted(self) -> None:
        """Forget the rows there are."""
        self._samples.restart()

    def advance(self, now_ns: int) -> None:
        """Move regions, when that is due and enough fresh rows are there."""
        silent_ns = now_ns - self._heard_ns
        if now_ns < self._due_ns:
            return
        if silent_ns > round(self.settings.silent_after_s * 1e9):
            self._samples.clear(now_ns)
            self._end_pass(
                now_ns, "no rows", "paused", f"no rows came from the tracker for {silent_ns / 1e9:.1f} s"
            )
        elif self._samples.full:
            try:
                self._follow(now_ns)
            except ParfocalError as error:
                self._rois = None
                self._end_pass(now_ns, "refused", "paused", str(error))

    def _follow(self, now_ns: int) -> None:
        """Move the regions of beads that are a pixel or more away from their middles."""
        if self._rois is None or self._rois.version != self._samples.version:
            self._rois = self.regions()
        rois, places = self._rois, self._samples.means()
        if rois.version != self._samples.version:
            return  # the rows of these regions are on their way
        chosen = rois.beads if self.settings.beads == "all" else self.settings.beads
        lost = tuple(bead for bead in chosen if bead not in places)
        if len(lost) == len(chosen):
            reason = f"all beads are lost: {_few(lost)}" if lost else "there are no regions"
            self._end_pass(now_ns, "lost", "paused", reason, lost=lost)
            return
        moves = region_moves(rois, places, self.settings.max_px)
        if moves:
            self._move(moves, places, now_ns)
        self._end_pass(now_ns, "following", "holding", "", lost=lost)

    def _move(
        self,
        moves: Mapping[int, tuple[float, float]],
        places: Mapping[int, tuple[float, ...]],
        now_ns: int,
    ) -> None:
        assert self._rois is not None
        rows = {
            bead: {
                "x_px": places[bead][0],
                "y_px": places[bead][1],
                "region_x_px": self._rois[bead].x_px,
                "region_y_px": self._rois[bead].y_px,
                "correction_x_px": x_px - self._rois[bead].x_px,
                "correction_y_px": y_px - self._rois[bead].y_px,
            }
            for bead, (x_px, y_px) in moves.items()
        }
        try:
            self._rois = self.tracker.call(
                "move_rois", moves, wait=False, timeout_s=_ANSWER_S, returns=Declared
            )
        except ParfocalError:
            self.write(rows, applied=False, why="refused")
            raise
        self._samples.clear(now_ns)
        self.corrected()
        self.write(rows, applied=True, why="corrected")

    def _end_pass(self, now_ns: int, *told: Any, **changes: Any) -> None:
        self._due_ns = now_ns + round(self.settings.interval_s * 1e9)
        self.passed(*told, **changes)

    def _new_samples(self, settings: XYLockConfig) -> FreshSamples:
        beads = None if settings.beads == "all" else settings.beads
        return FreshSamples(("x_px", "y_px"), XY_FLAGS, settings.window, beads)


def _few(beads: tuple[int, ...]) -> str:
    """Return the first of them, as text."""
    return ", ".join(map(str, beads[:10])) + (" ..." if len(beads) > 10 else "")
