"""The whole of a rig as frozen snapshots for programs that must never wait, such as windows."""

from __future__ import annotations

import logging
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

if TYPE_CHECKING:
    from collections.abc import Callable

    from parfocal.rig.rig import Rig

_LOG = logging.getLogger(__name__)

GONE = "exited"
"""State of a rig that does not run."""
_LEAST_EVERY_S = 0.05
_CLOSES_WITHIN_S = 8.0


class RigSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """A rig and its runs at one instant.

    Attributes
    ----------
    rig : RigStatus
        Its services and streams; of state "exited", with none of them, while no rig of that name runs.
    runs : dict of str to RunStatus
        Its runs, the oldest first.
    """

    rig: RigStatus
    runs: dict[str, RunStatus] = {}


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
        self._last: RigSnapshot | None = None
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
            except RigNotFoundError:
                self._publish(RigSnapshot(rig=RigStatus(name=self._name, pid=0, state=GONE, services={})))
            except ParfocalError as error:  # it is there and does not answer just now
                _LOG.debug("rig %r does not answer: %s", self._name, error)
            self._pause()

    def _follow_rig(self, rig: Rig) -> None:
        """Look at a running rig until it has ended."""
        rig.subscribe(lambda _: self._wake.set(), ("services", "state", "run"))
        while not self._closed.is_set():
            self._publish(RigSnapshot(rig=rig.status(), runs=self._runs(rig)))
            self._pause()

    def _runs(self, rig: Rig) -> dict[str, RunStatus]:
        """Return the runs; the last known ones, while the service that carries them out does not answer."""
        try:
            return rig.runs.statuses()
        except ParfocalError:
            return {} if self._last is None else self._last.runs

    def _pause(self) -> None:
        self._clock.wait(self._wake, self._every_s)
        self._wake.clear()
        self._clock.wait(self._closed, _LEAST_EVERY_S)

    def _publish(self, snapshot: RigSnapshot) -> None:
        """Hand on what differs from the last one in more than the ages of heartbeats."""
        if self._last is None or _lasting(snapshot) != _lasting(self._last):
            self._last = snapshot
            if not self._closed.is_set():
                self._callback.put(snapshot)


def _lasting(snapshot: RigSnapshot) -> RigSnapshot:
    """Return a snapshot without what changes whenever one looks."""
    services = {
        name: msgspec.structs.replace(service, heartbeat_age_s=0.0)
        for name, service in snapshot.rig.services.items()
    }
    return msgspec.structs.replace(snapshot, rig=msgspec.structs.replace(snapshot.rig, services=services))
