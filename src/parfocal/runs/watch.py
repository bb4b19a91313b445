"""Keeps this program's copy of the status of each run of a rig, and tells what changes."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any

import msgspec

from parfocal.core.clock import SYSTEM_CLOCK, Clock
from parfocal.core.errors import CommandError, CommandFailedError, RigNotFoundError
from parfocal.core.run_status import RunStatus
from parfocal.ipc import Subscription
from parfocal.processes import directory
from parfocal.runs.callback import CallbackThread
from parfocal.runs.settings import SERVICE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from parfocal.core.messages import Notice
    from parfocal.ipc import Client

_LOG = logging.getLogger(__name__)

TOPIC = "run"
"""Of its notices."""
UNKNOWN = "unknown: not closed"
"""The outcome of a run of which nobody can tell any more."""
ANSWER_S = 2.0
_LOOK_S, _IDLE_LOOK_S, _AGAIN_S, _LEAST_S = 0.25, 1.0, 0.1, 0.01
"""Between two questions: while a run goes on; while none does; while the service is away; and at least."""
_GIVEN_UP = ("degraded", "exited")


class RunWatch:
    """The runs of one rig, as the service `runs` tells them. Any thread.

    A thread of its own asks the service for the statuses: whenever a notice tells of a change, and several
    times a second while a run goes on. The service may be started again meanwhile. A run that had not ended
    is "unknown: not closed" when the service has no trace of it, is given up, or the rig is gone.

    Parameters
    ----------
    rig : str
        Its name.
    folder : Path
        The rig's runtime folder.
    client : Client
        Of the service `runs`; closed by whoever made it, after `close`.
    """

    def __init__(self, rig: str, folder: Path, client: Client, clock: Clock = SYSTEM_CLOCK) -> None:
        self.rig = rig
        self._client = client
        self._clock = clock
        self._statuses: dict[str, RunStatus] = {}
        self._changed = threading.Condition(threading.RLock())
        self._callbacks: list[CallbackThread[RunStatus]] = []
        self._wake = threading.Event()
        self._closed = False
        self._subscription = Subscription(folder, [SERVICE], (TOPIC,), callback=self._notified)
        self._thread = threading.Thread(target=self._follow, name=f"runs of {rig}", daemon=True)
        self._thread.start()

    def call(
        self,
        command: str,
        *arguments: Any,
        timeout_s: float = ANSWER_S,
        returns: Any = Any,
        **named: Any,
    ) -> Any:
        """Call a command of the service; what it raises on purpose is raised here as it is there.

        Raises
        ------
        BadInputError
            And whatever else of `parfocal.core.errors` the command raised.
        CommandError
            Of the kind that tells why there is no answer.
        """
        try:
            return self._client.call(command, *arguments, timeout_s=timeout_s, returns=returns, **named)
        except CommandFailedError as error:
            if error.original is None:
                raise
            raise error.original from error

    def last(self) -> dict[str, RunStatus]:
        """Return what was told last, by the names of the runs. Never waits."""
        with self._changed:
            return dict(self._statuses)

    def take(self, status: RunStatus) -> None:
        """Take a status that the service has just returned for a run that was started, or found.

        What the thread has been told of that run since stays.
        """
        with self._changed:
            known = self._statuses.get(status.run)
            if known is None or known.created_at < status.created_at:
                self._merge({status.run: status})
        self.look()

    def look(self) -> None:
        """Have the service asked now. Never waits."""
        self._wake.set()

    def follow(self, callback: Callable[[RunStatus], object], run: str = "") -> CallbackThread[RunStatus]:
        """Have `callback` called with each new status of `run`, or of all runs; the current ones first.

        It is called in a thread of its own until the returned `CallbackThread` is closed.
        """
        name = f"callback {getattr(callback, '__name__', callback)!r} for {run or 'runs'} of {self.rig}"

        def filtered(status: RunStatus) -> None:
            if run in ("", status.run):
                callback(status)

        thread: CallbackThread[RunStatus] = CallbackThread(filtered, name)
        with self._changed:
            for status in self._statuses.values():
                thread.put(status)
            self._callbacks.append(thread)
        return thread

    def unfollow(self, thread: CallbackThread[RunStatus]) -> None:
        """End what `follow` returned: the callback is not called again. Idempotent."""
        thread.close()
        with self._changed:
            if thread in self._callbacks:
                self._callbacks.remove(thread)

    def wait_until(
        self, run: str, reached: Callable[[RunStatus], bool], timeout_s: float | None
    ) -> RunStatus | None:
        """Block until the status of a run is as wanted and return it; None if `timeout_s` passed first."""

        def look() -> bool:
            status = self._statuses.get(run)
            return self._closed or (status is not None and reached(status))

        with self._changed:
            came = self._changed.wait_for(look, timeout_s)
            status = self._statuses.get(run)
        return status if came and status is not None and reached(status) else None

    def close(self) -> None:
        """Follow no longer: whoever waits is let go, callbacks are given what waits for them. Idempotent."""
        with self._changed:
            if self._closed:
                return
            self._closed = True
            reason = f"this program has let go of rig {self.rig!r}"
            self._statuses = {name: lost_status(status, reason) for name, status in self._statuses.items()}
            for callback in self._callbacks:
                callback.close(finish=True)
            self._changed.notify_all()
        self._wake.set()
        self._subscription.close()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _notified(self, notice: Notice) -> None:
        del notice
        self._wake.set()

    def _follow(self) -> None:
        pause_s = 0.0
        while not self._closed:
            self._clock.wait(self._wake, pause_s)
            self._wake.clear()
            try:
                pause_s = self._ask()
            except Exception:  # noqa: BLE001 - the border of a thread
                if not self._closed:
                    _LOG.exception("the runs of rig %r cannot be followed any more", self.rig)
                return
            self._clock.sleep(_LEAST_S)

    def _ask(self) -> float:
        """Ask once, hand on what is new, and return when to ask again, seconds."""
        known = self.last()
        try:
            told = self.call("statuses", returns=dict[str, RunStatus])
        except CommandError:
            reason, pause_s = self._reason_of_loss(), _AGAIN_S
            told = known if not reason else {}
        else:
            reason, pause_s = f"the service {SERVICE!r} was started again and has no trace of it", _LOOK_S
        self._merge(merged_statuses(known, told, reason))
        going = any(status.is_running for status in self.last().values())
        return pause_s if going else _IDLE_LOOK_S

    def _reason_of_loss(self) -> str:
        """Return why the service will never answer again; "" if it may."""
        try:
            directory.rig_record(self.rig)
        except RigNotFoundError as error:
            return str(error)
        record = directory.record(self.rig, SERVICE)
        if record is not None and record.state in _GIVEN_UP:
            return f"the service {SERVICE!r} of rig {self.rig!r} has ended: {record.error or record.state}"
        return ""

    def _is_news(self, status: RunStatus) -> bool:
        """Whether a status is not known yet, and not of an earlier run of that name, told late."""
        known = self._statuses.get(status.run)
        return known is None or (known != status and known.created_at <= status.created_at)

    def _merge(self, told: dict[str, RunStatus]) -> None:
        """Take what was told, and hand on what is new."""
        with self._changed:
            if self._closed:  # what was asked for before is not told any more: nobody follows these runs
                return
            fresh = [status for status in told.values() if self._is_news(status)]
            self._statuses.update({status.run: status for status in fresh})
            for callback in [each for each in self._callbacks if each.dropped]:
                self._callbacks.remove(callback)
            for status in fresh:
                for callback in self._callbacks:
                    callback.put(status)
            self._changed.notify_all()


def merged_statuses(
    known: dict[str, RunStatus], told: dict[str, RunStatus], reason: str
) -> dict[str, RunStatus]:
    """Return what is known of runs now: what was told, and the last of those that are not told any more.

    Examples
    --------
    >>> known = {"a": RunStatus(run="a"), "b": RunStatus(run="b", state="ended", outcome="complete")}
    >>> merged = merged_statuses(known, {"c": RunStatus(run="c")}, "the rig has ended")
    >>> [(name, status.outcome) for name, status in merged.items()]
    [('a', 'unknown: not closed'), ('b', 'complete'), ('c', '')]
    """
    return {name: lost_status(status, reason) for name, status in known.items() if name not in told} | told


def lost_status(status: RunStatus, reason: str) -> RunStatus:
    """Return the last status of a run of which nobody will ever tell more."""
    if status.ended:
        return status
    if status.state == "prepared":
        reason = f"it was prepared, and never started: {reason}"
        return msgspec.structs.replace(status, state="ended", outcome="cancelled", reason=reason)
    where = f"; its record is in {status.folder}" if status.folder else ""
    return msgspec.structs.replace(status, state="ended", outcome=UNKNOWN, reason=reason + where)
