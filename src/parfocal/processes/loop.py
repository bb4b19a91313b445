"""The main thread of a service: jobs of lane "loop" and steps, one after the other, waiting in between."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Protocol

from parfocal.core.clock import SYSTEM_CLOCK, Clock
from parfocal.ipc.lanes import Job

_LONGEST_WAIT_S = 3600.0


class MainLoop(Protocol):
    """What runs in the main thread of a service: `Loop`, or one that another library owns, such as Qt's."""

    def submit(self, job: Job) -> None:
        """Have `job` run in the main thread. Any thread; returns at once."""
        ...

    def wake(self) -> None:
        """Make a step due now. Any thread; returns at once."""
        ...

    def end(self) -> None:
        """Have `run` return soon. Any thread; returns at once."""
        ...

    def run(
        self, step: Callable[[], float | None], begin: Callable[[], None], end: Callable[[], None]
    ) -> None:
        """Do jobs and steps in the calling thread until `end` was called, with `begin` and `end` around each.

        A loop that does more than these, such as drawing windows, calls `begin` anew at each turn: the time
        since then counts against the service's limit for one step.
        """
        ...


class Loop:
    """Runs jobs and steps in the thread that calls `run`. Everything else may be called from any thread.

    A step is due when the last one said so; after `wake`; and after a job if the last one set no time.
    """

    def __init__(self, clock: Clock = SYSTEM_CLOCK) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._news = threading.Event()
        self._jobs: deque[Job] = deque()
        self._woken = True
        self._ended = False

    def submit(self, job: Job) -> None:
        """Have `job` run between two steps. It must not raise."""
        with self._lock:
            self._jobs.append(job)
        self._news.set()

    def wake(self) -> None:
        """Make a step due now."""
        with self._lock:
            self._woken = True
        self._news.set()

    def end(self) -> None:
        """Have `run` return after the present job or step. Jobs that are queued by then are dropped."""
        with self._lock:
            self._ended = True
        self._news.set()

    def run(
        self, step: Callable[[], float | None], begin: Callable[[], None], end: Callable[[], None]
    ) -> None:
        """Do jobs and steps until `end` was called; what a step raises goes through.

        `begin` and `end` are called around each of them, as signs of life.
        """
        due_ns: int | None = None
        job: Job | None = None
        while self._wait(due_ns):
            job = self._take(due_ns, after_job=job is not None)
            begin()
            if job is not None:
                job()
                due_ns = self._clock.monotonic_ns() if due_ns is None else due_ns
            else:
                pause_s = step()
                due_ns = None if pause_s is None else self._clock.monotonic_ns() + int(pause_s * 1e9)
            end()

    def _wait(self, due_ns: int | None) -> bool:
        """Block until there is something to do; False at the end."""
        while True:
            self._news.clear()
            with self._lock:
                if self._ended or self._jobs or self._is_due(due_ns):
                    return not self._ended
            wait_s = _LONGEST_WAIT_S if due_ns is None else (due_ns - self._clock.monotonic_ns()) / 1e9
            self._clock.wait(self._news, wait_s)

    def _take(self, due_ns: int | None, after_job: bool) -> Job | None:
        """Return the next job, or None for a step. Neither many jobs nor eager steps starve the other."""
        with self._lock:
            if self._jobs and not (after_job and self._is_due(due_ns)):
                return self._jobs.popleft()
            self._woken = False
            return None

    def _is_due(self, due_ns: int | None) -> bool:
        return self._woken or (due_ns is not None and self._clock.monotonic_ns() >= due_ns)
