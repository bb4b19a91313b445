"""What both locks share: a service that is switched on and off, reads rows, and tells of each correction."""

from __future__ import annotations

import threading
from abc import abstractmethod
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from parfocal.analysis.locks.corrections import correction_rows
from parfocal.analysis.locks.status import LockStatus
from parfocal.core.errors import DeviceError, ParfocalError, StreamTimeoutError
from parfocal.core.frames import RowSpec
from parfocal.ipc import RECEIVER, Declared, command, current_call
from parfocal.processes import LOOP, FixedSettings, Service, ServiceContext
from parfocal.streams import StreamWriter, follow_latest

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np

    from parfocal.analysis.beads.rois import RoiSet
    from parfocal.analysis.locks.settings import XYLockConfig, ZLockConfig
    from parfocal.analysis.locks.status import LockState

_SLOTS = 1 << 10
_LOOKS = 5
_LONGEST_LOOK_S = 0.1
_ANSWER_S = 1.0


class SingleCorrection:
    """One correction that somebody waits for."""

    def __init__(self) -> None:
        self.begun = False
        self.done = threading.Event()
        self.error = ""


class LockService(Service):
    """A lock of beads; it is off when its process begins. Its decisions are made in the loop's thread."""

    dtype: ClassVar[np.dtype[Any]]
    settings: XYLockConfig | ZLockConfig

    def streams_written(self, service: str) -> tuple[str, ...]:
        """Return the stream of corrections."""
        del service
        return (self.settings.corrections,)

    def streams_read(self) -> dict[str, tuple[str, ...]]:
        """Return the stream of tracks."""
        return {"tracks": (self.settings.tracks,)}

    def fixed_settings(self) -> FixedSettings:
        """Return the names of services and streams."""
        return {"tracker": "restart", "tracks": "restart", "corrections": "restart"}

    def open(self, context: ServiceContext) -> None:
        """Attach to the tracks, and make the stream of corrections."""
        self.context = context
        self.tracker = context.connect(self.settings.tracker)
        self.number = 0
        self._status = LockStatus()
        self._once: SingleCorrection | None = None
        self._was_on = context.streams / f"{context.service}.on"
        with ExitStack() as stack:
            self._writer = StreamWriter(
                context.streams, self.settings.corrections, RowSpec.of(self.dtype), _SLOTS
            )
            stack.callback(self._writer.close)
            self._rows = follow_latest(
                context.streams, self.settings.tracks, on_attach=lambda _: self.tracks_restarted()
            )
            stack.callback(self._rows.close)
            self._closing = stack.pop_all()
        if self._was_on.exists():
            self._was_on.unlink()
            self.tell("restarted", "off", "it was on when its process ended: switch it on again")

    def close(self) -> None:
        """Let go of the streams."""
        try:
            self.stop_moving()
        finally:
            self._closing.close()

    def state(self) -> dict[str, Any]:
        """Return the settings, and the status."""
        status: dict[str, Any] = msgspec.to_builtins(self._status, str_keys=True)
        return {**self.settings.model_dump(mode="json"), **status}

    def health_line(self) -> str:
        """Return the state in a line."""
        return f"{self._status.state}, {self._status.corrections} corrections {self._status.reason}".rstrip()

    def step(self) -> float | None:
        """Take rows in, and correct if that is due."""
        once = self._once
        if not self._status.on and once is None:
            self._stop_given_up()
            return None
        now_ns = self.context.clock.monotonic_ns()
        if once is not None and not once.begun:
            self._begin_once(once, now_ns)
        if (rows := self._rows.poll()) is not None:
            self.see(rows, now_ns)
        self.advance(now_ns)
        return min(self.settings.interval_s / _LOOKS, _LONGEST_LOOK_S)

    @command(lane=LOOP, effect="changes")
    def on(self) -> LockStatus:
        """Switch the lock on; it begins with fresh rows. Returns its status, as `status` does."""
        self.begin(keep=False)
        self._was_on.touch()
        self._status = LockStatus(on=True, corrections=0)
        self.tell("on", "waiting", "for fresh rows")
        return self._status

    @command(lane=LOOP, effect="stops")
    def off(self) -> LockStatus:
        """Switch the lock off; a move of its own that is under way is stopped. From then on it moves none.

        Who waits for one correction is told. `DeviceError` if the move does not end: it is off then, too.
        """
        once, self._once = self._once, None
        if once is not None:
            once.error = "the lock was switched off"
            once.done.set()
        try:
            self.stop_moving()
        finally:
            if self._status.on:
                self.tell("off", "off")
        return self._status

    @command(lane="once", effect="changes")
    def once(self) -> LockStatus:
        """Correct once, as soon as there are enough fresh rows, and return when that is done.

        Raises `DeviceError` if nothing could be corrected, such as for a lost bead. Cancelled, a move that it
        has begun is stopped.
        """
        call, asked = current_call(), SingleCorrection()
        self._once = asked
        try:
            self.context.wake()
            while not asked.done.is_set():
                call.wait(_LONGEST_LOOK_S / 2)
        finally:
            self._once = None
        if asked.error:
            raise DeviceError(f"nothing was corrected: {asked.error}")
        return self._status

    @command(lane=RECEIVER, effect="reads")
    def status(self) -> LockStatus:
        """Return whether it is on, what it does now and why, and how often it corrected."""
        return self._status

    @abstractmethod
    def begin(self, *, keep: bool) -> None:
        """Begin anew, with the targets there are if they are to be kept; raises what speaks against it."""

    @abstractmethod
    def hurry(self, now_ns: int) -> None:
        """Have the next correction due now."""

    @abstractmethod
    def see(self, rows: np.ndarray[Any, Any], now_ns: int) -> None:
        """Take rows of the tracker in."""

    @abstractmethod
    def tracks_restarted(self) -> None:
        """Forget the rows there are: others follow, of another ring."""

    @abstractmethod
    def advance(self, now_ns: int) -> None:
        """Do what is due."""

    def stop_moving(self) -> None:
        """End what is under way; `DeviceError` if it does not end."""

    def passed(self, why: str, state: LockState, reason: str = "", **changes: Any) -> None:
        """Take on what came of a look at fresh rows; who waits for one correction is told."""
        if self._status.on:
            self.tell(why, state, reason, **changes)
        else:
            self._status = msgspec.structs.replace(self._status, **changes)
        once = self._once
        if once is not None and once.begun and state != "waiting":
            once.error = reason if state != "holding" else ""
            once.done.set()

    def tell(self, why: str, state: LockState, reason: str = "", **changes: Any) -> None:
        """Take on a state; where it is another one, say so in the log and as a notice.

        One that nobody corrects in is a row, too.
        """
        old = self._status
        on = old.on and state != "off"
        self._status = new = msgspec.structs.replace(old, state=state, on=on, reason=reason, **changes)
        if old.on and not on:
            self._was_on.unlink(missing_ok=True)
        if (new.state, new.reason) == (old.state, old.reason):
            return
        self.context.publish("lock", new)
        if reason and state in ("paused", "off"):
            self.context.log.warning("%s: %s", state, reason)
        if state not in (old.state, "holding"):
            self.write({}, why=why)

    def corrected(self) -> None:
        """Count a correction."""
        self._status = msgspec.structs.replace(self._status, corrections=self._status.corrections + 1)

    def write(self, beads: Mapping[int, Mapping[str, float]], **common: Any) -> None:
        """Write a row for each bead, or one for the lock as a whole."""
        self.number += 1
        common.setdefault("time_ns", self.context.clock.monotonic_ns())
        rows = correction_rows(self.dtype, beads, number=self.number, **common)
        try:
            self._writer.write_rows(rows, timeout_s=0.0)
        except StreamTimeoutError as error:
            self.context.log.warning("a correction is not in the stream %r: %s", self._writer.name, error)

    def _begin_once(self, once: SingleCorrection, now_ns: int) -> None:
        once.begun = True
        try:
            if not self._status.on:
                self.begin(keep=True)
            self.hurry(now_ns)
        except ParfocalError as error:
            once.error = str(error)
            once.done.set()

    def _stop_given_up(self) -> None:
        """Stop the move of one correction that nobody waits for any more."""
        try:
            self.stop_moving()
        except DeviceError as error:
            self.context.log.warning("one correction was given up: %s", error)

    def regions(self) -> RoiSet:
        """Ask the tracker for its regions."""
        rois: RoiSet = self.tracker.call("list_rois", timeout_s=_ANSWER_S, returns=Declared)
        return rois

    def check_beads(self, beads: tuple[int, ...]) -> None:
        """Refuse beads that have no region."""
        rois = self.regions()
        for bead in beads:
            rois[bead]

    def change(self, **settings: Any) -> LockStatus:
        """Change those settings that are not None; all are checked before any is changed."""
        changes = {name: value for name, value in settings.items() if value is not None}
        beads = changes.get("beads")
        if self._status.on and beads and beads != "all":
            self.check_beads(tuple(beads))
        self.context.change_settings(changes)
        return self._status
