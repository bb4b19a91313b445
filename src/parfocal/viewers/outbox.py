"""What a program sends to a viewer: in order, by a thread of its own, kept while the viewer is away.

Whoever sends never waits for the viewer: an image is copied into shared memory, and its token queued here.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from parfocal.core.clock import SYSTEM_CLOCK
from parfocal.core.errors import (
    CommandError,
    DeadlineError,
    ParfocalError,
    ServiceUnavailableError,
)

if TYPE_CHECKING:
    from parfocal.ipc import Call, Client
    from parfocal.viewers.tickets import Ticket

_LOOKS_EVERY_S = 0.02
_LOOKS_UP_S = 0.5
"""How often it looks whether to go on waiting for a viewer that is busy, or stands still."""


@dataclass(frozen=True)
class Job:
    """A command to be sent, and whom to tell. `undo` lets go of what it holds if it is never sent."""

    command: str
    arguments: tuple[Any, ...]
    ticket: Ticket
    undo: Callable[[], None]


class Outbox:
    """Sends jobs one after the other to whichever process the viewer is. Any thread; close it.

    A job is sent once to a process, however long that takes to answer: a click that is delivered twice would
    undo itself. It is sent anew only to the successor of one that ended without an answer.

    Parameters
    ----------
    connect : callable
        Returns a client of the viewer if it is ready, or None; called again after each failure.
    """

    def __init__(self, name: str, connect: Callable[[], Client | None]) -> None:
        self._name = name
        self._connect = connect
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def put(self, job: Job) -> None:
        """Queue a job; returns at once."""
        with self._lock:
            if self._closed.is_set():
                job.undo()
                job.ticket.fail("the viewer was closed by this program")
                return
            self._jobs.put(job)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=f"viewer {self._name}", daemon=True)
                self._thread.start()

    def close(self) -> None:
        """Send nothing more; what is queued fails. Idempotent."""
        with self._lock:
            self._closed.set()
            self._jobs.put(None)
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            self._deliver(job)

    def _deliver(self, job: Job) -> None:
        """Send a job until the viewer has it, or says why not, or this outbox is closed."""
        while not self._closed.is_set():
            try:
                client = self._connect()
                if client is not None and self._is_answered(client.submit(job.command, *job.arguments), job):
                    return
            except ServiceUnavailableError:
                pass  # it ended: whoever sends keeps it, and tries again
            except CommandError as error:
                job.undo()
                job.ticket.fail(_stated(error))
                return
            except ParfocalError as error:
                job.undo()
                job.ticket.fail(str(error))
                return
            SYSTEM_CLOCK.wait(self._closed, _LOOKS_EVERY_S)
        job.undo()
        job.ticket.fail("the viewer was closed before it received it")

    def _is_answered(self, call: Call, job: Job) -> bool:
        """Wait for the answer to a job; False if this outbox was closed first."""
        while True:
            try:
                job.ticket.arrive(call.result(timeout_s=_LOOKS_UP_S))
                return True
            except DeadlineError:  # still waiting: the call itself has no deadline
                if self._closed.is_set():
                    call.withdraw("the program that asked lets go of the viewer")
                    return False


def _stated(error: CommandError) -> str:
    """Return what the viewer itself said, in a line."""
    first = str(error).splitlines()[0]
    return first.partition("Error: ")[2] or first
