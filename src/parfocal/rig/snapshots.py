"""The whole of a rig as frozen snapshots for programs that must never wait, such as windows."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import TYPE_CHECKING, Self

import msgspec

from parfocal.core.clock import SYSTEM_CLOCK, Clock
from parfocal.core.errors import BadInputError, ParfocalError, RigNotFoundError
from parfocal.core.reminder import Reminder
from parfocal.core.run_status import RunStatus
from parfocal.core.status import RigStatus
from parfocal.rig.opening import attach
from parfocal.runs.callback import CallbackThread
from parfocal.runs.settings import SERVICE
from parfocal.runs.watch import TOPIC, merged_statuses

if TYPE_CHECKING:
    from collections.abc import Callable

    from parfocal.core.messages import Notice
    from parfocal.rig.rig import Rig

GONE = "exited"
"""State of a rig that does not run."""
_NO_TRACE = "the rig, or its engine of runs, was started again and has no trace of it"
_LEAST_EVERY_S = 0.05
_CLOSES_WITHIN_S = 8.0


class RigSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """A rig and its runs at one instant.

    Attributes
    ----------
    rig : RigStatus
        Its services and streams; of state "exited", with none of them, while no rig of that name runs.
    runs : dict of str to RunStatus
        Its runs, the oldest first, those of an earlier rig of that name before them: one that had not ended
        is "unknown: not closed".
    error : str
        Why the rig, or its engine of runs, does not answer just now: what is here is what was told last. ""
        if it does.
    """

    rig: RigStatus
    runs: dict[str, RunStatus] = {}
    error: str = ""


class Snapshots:
    """Hands snapshots of a rig to a callback: one now, and one whenever something has changed.

    Making one, and closing it, never waits: everything is done in threads of its own, also finding the rig. A
    rig that does not run, or ends, is told as such, and found again when it is back. The callback has a
    thread of its own; while it is busy the snapshots between are left out. One that raises is logged and not
    called again.

    Parameters
    ----------
    rig : str
        Name of the rig.
    callback : callable
        Called with each `RigSnapshot`. It is not in the thread of a window: pass it on by a queued signal.
    every_s : float
        Time between two looks at the rig, 0.05 s or more.

    Examples
    --------
    >>> import queue
    >>> seen = queue.Queue()
    >>> with Snapshots("no-such-rig", seen.put):
    ...     seen.get(timeout=20).rig.state
    'exited'
    """

    def __init__(
        self,
        rig: str,
        callback: Callable[[RigSnapshot], object],
        *,
        every_s: float = 0.25,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        if not every_s >= _LEAST_EVERY_S:
            raise BadInputError(f"every_s must be {_LEAST_EVERY_S} s or more, not {every_s:g}")
        self._name = rig
        self._every_s = every_s
        self._clock = clock
        self._callback: CallbackThread[RigSnapshot] = CallbackThread(
            callback, f"snapshots of {rig} for {getattr(callback, '__name__', callback)!r}", most=1
        )
        self._last = RigSnapshot(rig=_gone(rig))
        self._told = False
        self._ends: dict[str, RunStatus] = {}
        self._closed = threading.Event()
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._follow, name=f"snapshots of {rig}", daemon=True)
        self._thread.start()
        self._reminder = Reminder(self, f"the snapshots of rig {rig!r}")

    def look(self) -> None:
        """Have the rig looked at now. Never waits."""
        self._wake.set()

    def close(self) -> None:
        """Look no more; the callback is not called again, but for a call that is under way. Idempotent."""
        self._reminder.cancel()
        self._closed.set()
        self._wake.set()
        self._callback.close()

    def join(self, timeout_s: float = _CLOSES_WITHIN_S) -> bool:
        """Wait until the thread has let go of the rig; return whether it has."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        self.join()

    def _follow(self) -> None:
        while not self._closed.is_set():
            try:
                with attach(self._name) as rig:
                    self._follow_rig(rig)
            except RigNotFoundError as error:
                runs = merged_statuses(with_ends(self._last.runs, self._ends), {}, str(error))
                self._publish(RigSnapshot(rig=_gone(self._name), runs=runs))
            except ParfocalError as error:  # it is there and does not answer just now
                self._publish(msgspec.structs.replace(self._last, error=str(error)))
            self._pause()

    def _follow_rig(self, rig: Rig) -> None:
        """Look at a running rig until it has ended."""
        rig.subscribe(self._notified, ("services", "state", "panels", TOPIC))
        while not self._closed.is_set():
            runs, error = self._runs(rig)
            self._publish(RigSnapshot(rig=rig.status(), runs=runs, error=error))
            self._pause()

    def _notified(self, notice: Notice) -> None:
        """Look at once; keep how a run has ended, as its rig may be gone before it is asked again."""
        if notice.topic == TOPIC:
            status = msgspec.convert(notice.payload["status"], RunStatus)
            if status.ended:
                self._ends = {**self._ends, status.run: status}
        self._wake.set()

    def _runs(self, rig: Rig) -> tuple[dict[str, RunStatus], str]:
        """Return the runs; the last known ones and why, while their engine does not answer."""
        known = self._last.runs
        if SERVICE not in rig.services:
            return known, ""
        try:
            return merged_statuses(known, rig.runs.statuses(), _NO_TRACE), ""
        except ParfocalError as error:
            return known, str(error)

    def _pause(self) -> None:
        self._clock.wait(self._wake, self._every_s)
        self._wake.clear()
        self._clock.wait(self._closed, _LEAST_EVERY_S)

    def _publish(self, snapshot: RigSnapshot) -> None:
        """Hand on what differs from the last one in more than the ages of heartbeats."""
        if not self._told or _lasting(snapshot) != _lasting(self._last):
            self._last, self._told = snapshot, True
            if not self._closed.is_set():
                self._callback.put(snapshot)


def with_ends(known: dict[str, RunStatus], ends: dict[str, RunStatus]) -> dict[str, RunStatus]:
    """Return what is known of runs with the ends of those that had not ended, as far as they were told.

    Examples
    --------
    >>> ended = RunStatus(run="a", state="ended", outcome="complete", created_at=1.0)
    >>> with_ends({"a": RunStatus(run="a", state="running", created_at=1.0)}, {"a": ended})["a"].outcome
    'complete'
    >>> with_ends({"a": RunStatus(run="a", state="running", created_at=2.0)}, {"a": ended})["a"].outcome
    ''
    """

    def newer(run: str, status: RunStatus) -> bool:
        return run not in known or (not known[run].ended and known[run].created_at <= status.created_at)

    return known | {run: status for run, status in ends.items() if newer(run, status)}


def _gone(rig: str) -> RigStatus:
    return RigStatus(name=rig, pid=0, state=GONE, services={})


def _lasting(snapshot: RigSnapshot) -> RigSnapshot:
    """Return a snapshot without what changes whenever one looks."""
    services = {
        name: msgspec.structs.replace(service, heartbeat_age_s=0.0)
        for name, service in snapshot.rig.services.items()
    }
    return msgspec.structs.replace(snapshot, rig=msgspec.structs.replace(snapshot.rig, services=services))
