"""The Z-lock: a service that holds beads at their height by small moves of the focus."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from parfocal.analysis.locks.corrections import Z_DTYPE
from parfocal.analysis.locks.focus import FocusAxis
from parfocal.analysis.locks.lock_service import LockService
from parfocal.analysis.locks.settings import ZLockConfig
from parfocal.analysis.locks.status import LockStatus
from parfocal.analysis.locks.z_controller import FocusReading, ZController, ZDecision
from parfocal.core.errors import (
    BadInputError,
    ClaimedError,
    CommandError,
    DeadlineError,
    DeviceError,
    ParfocalError,
    ServiceUnavailableError,
)
from parfocal.ipc import command
from parfocal.processes import LOOP, FixedSettings, ServiceContext

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from parfocal.ipc import Call, Client

_ENDS_WITHIN_S = 5.0
_TOLD = ("latched", "small", "limit", "runaway")
"""Decisions without a move that are rows of their own."""


class ZLock(LockService):
    """Holds beads at their height: `on` latches where they are, or holds `target_nm`, until `off`.

    A correction is the mean height of the beads above their targets over a window of fresh frames, damped and
    capped; frames that were exposed before the focus had arrived and settled, or with other regions, do not
    count. It pauses while more than half of the beads are lost, no rows come, the focus does not answer, or a
    run claims it, and goes on by itself. It switches itself off when a move of its own fails, or corrections
    make the error larger.
    """

    Config = ZLockConfig
    dtype = Z_DTYPE
    settings: ZLockConfig

    def open(self, context: ServiceContext) -> None:
        """Attach to the streams."""
        self._controller = ZController(self.settings)
        self._clients: dict[bool, Client] = {}
        self._focus: FocusAxis | None = None
        self._move: tuple[Call, ZDecision, FocusReading] | None = None
        super().open(context)

    def close(self) -> None:
        """Let go of focus and streams."""
        try:
            super().close()
        finally:
            if self._focus is not None:
                self._focus.close()

    def fixed_settings(self) -> FixedSettings:
        """Return the names of services and streams."""
        return {**super().fixed_settings(), "focus": "restart", "axis": "restart"}

    def settings_changed(self, old: ZLockConfig, new: ZLockConfig) -> None:
        """Go by other settings at once."""
        if self.status().on and not new.beads:
            raise BadInputError("beads is empty: a lock that is on needs some; switch it off before")
        if self._focus is not None and new.while_claimed != old.while_claimed:
            self._new_focus(new)
        self._controller.change(new, self.context.clock.monotonic_ns())

    @command(lane=LOOP, effect="changes")
    def set(
        self,
        beads: list[int] | None = None,
        interval_s: float | None = None,
        window: int | None = None,
        target_nm: float | Literal["latch"] | None = None,
        damping: float | None = None,
        max_nm: float | None = None,
        min_nm: float | None = None,
        settle_s: float | None = None,
        outside: Literal["latch", "off"] | None = None,
        outside_nm: float | None = None,
        while_claimed: Literal["pause", "correct"] | None = None,
        silent_after_s: float | None = None,
    ) -> LockStatus:
        """Change settings, also while the lock is on; what is not named stays. `get_settings` tells them all.

        `beads` are those whose mean height is held; `interval_s` and `window` say how often, and by the mean
        of how many fresh frames; `target_nm` at which height, "latch" for where they are; `damping` is the
        part of the error that a correction leaves; `max_nm` and `min_nm` bound one; `settle_s` is left after
        a move; `outside` is what a move by somebody else means ("latch" holds the new place, or "off"), and
        `outside_nm` from where on it is one; `while_claimed` whether to pause while a run claims the focus.
        """
        return self.change(
            beads=beads, interval_s=interval_s, window=window, target_nm=target_nm, damping=damping,
            max_nm=max_nm, min_nm=min_nm, settle_s=settle_s, outside=outside, outside_nm=outside_nm,
            while_claimed=while_claimed, silent_after_s=silent_after_s,
        )  # fmt: skip

    def begin(self, *, keep: bool) -> None:
        """Begin with the focus where it stands."""
        if not self.settings.beads:
            raise BadInputError("name the beads to go by, such as set(beads=[3]): some that are stuck")
        if keep and not self._controller.targets and self.settings.target_nm == "latch":
            raise BadInputError("there is no height to go back to yet: switch the lock on, or set target_nm")
        self.check_beads(self.settings.beads)
        self.stop_moving()
        focus = self._new_focus(self.settings)
        self._rows.poll()
        now_ns = self.context.clock.monotonic_ns()
        position = focus.read(0.0, 0.0).position_nm
        self._controller.begin(now_ns, position, keep_targets=keep)

    def hurry(self, now_ns: int) -> None:
        """Have the next correction due now."""
        self._controller.hurry(now_ns)

    def see(self, rows: NDArray[Any], now_ns: int) -> None:
        """Take rows of the tracker in."""
        self._controller.see(rows, now_ns)

    def tracks_restarted(self) -> None:
        """Forget the rows there are."""
        self._controller.restart()

    def advance(self, now_ns: int) -> None:
        """End a move that has arrived; decide on the next when that is due."""
        if self._move is not None:
            self._end_move()
            return
        focus, controller = self._focus, self._controller
        if focus is None or not controller.ready(now_ns):
            return
        try:
            reading = focus.read(controller.expected_nm, self.settings.outside_nm)
        except CommandError as error:
            self._interrupted(error)
            return
        decision = controller.decide(now_ns, reading)
        if decision.move_nm:
            self._move = focus.move_by(decision.move_nm), decision, reading
            self._end_move()
            return
        if decision.why in _TOLD:
            self._write(decision, reading, applied=False)
        self._passed(decision)

    def stop_moving(self) -> None:
        """Halt a move of its own that is under way, and wait until it has ended."""
        if self._move is not None:
            call, decision, reading = self._move
            self._move = None
            if not call.done():
                call.cancel_soon("the Z-lock is switched off")
            try:
                error = call.exception(_ENDS_WITHIN_S)
            except DeadlineError as late:
                self._write(decision, reading, applied=False, why="unsure")
                raise DeviceError(
                    f"the focus goes on with a move of the lock {_ENDS_WITHIN_S:g} s after its cancel: "
                    f"halt {call.service!r}, and look at it"
                ) from late
            self._write(decision, reading, applied=error is None)

    def _end_move(self) -> None:
        """Take note of how a move ended, if it has."""
        assert self._move is not None
        assert self._focus is not None
        call, decision, reading = self._move
        if not call.done():
            return
        self._move = None
        try:
            position = self._focus.arrived(call)
        except ClaimedError as error:
            self._write(decision, reading, applied=False, why="claimed")
            self._passed(decision._replace(state="paused", why="claimed", reason=str(error)))
        except (ServiceUnavailableError, DeadlineError) as error:
            self._write(decision, reading, applied=False, why="no focus")
            self._interrupted(error)
        except ParfocalError as error:
            self._write(decision, reading, applied=False, why="failed")
            reason = f"the focus failed: {error}"
            self._passed(decision._replace(state="off", why="failed", reason=reason))
        else:
            self._controller.moved(self.context.clock.monotonic_ns(), position)
            self.corrected()
            self._write(decision, reading, applied=True)
            self._passed(decision)

    def _interrupted(self, error: ParfocalError) -> None:
        self._controller.interrupted(self.context.clock.monotonic_ns())
        self._passed(ZDecision("paused", "no focus", f"the focus does not answer: {error}"))

    def _passed(self, decision: ZDecision) -> None:
        changes: dict[str, Any] = {
            "lost": self._controller.lost,
            "targets_nm": dict(self._controller.targets),
        }
        if decision.measured:
            changes["error_nm"] = decision.error_nm
        self.passed(decision.why, decision.state, decision.reason, **changes)

    def _write(self, decision: ZDecision, reading: FocusReading, *, applied: bool, why: str = "") -> None:
        beads: Mapping[int, Mapping[str, float]] = {
            bead: {"measured_nm": height, "target_nm": decision.targets[bead]}
            for bead, height in decision.measured.items()
        }
        self.write(
            beads,
            focus_nm=reading.position_nm,
            correction_nm=decision.move_nm,
            applied=applied,
            why=why or decision.why,
        )

    def _new_focus(self, settings: ZLockConfig) -> FocusAxis:
        """Return the focus, asked anew what it is."""
        heeds = settings.while_claimed == "pause"
        if heeds not in self._clients:
            self._clients[heeds] = self.context.connect(settings.focus, heeds_claims=heeds)
        focus = FocusAxis(self._clients[heeds], self.context.streams, settings.axis)
        if self._focus is not None:
            self._focus.close()
        self._focus = focus
        return focus
