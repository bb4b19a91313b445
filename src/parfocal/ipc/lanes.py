"""Lanes: jobs of one lane run in order, jobs of different lanes at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from queue import SimpleQueue
from typing import Protocol

Job = Callable[[], None]


class LaneExecutor(Protocol):
    """Runs the jobs of one lane, one after the other, in the order they came."""

    def submit(self, job: Job) -> None:
        """Take a job; returns at once. The job never raises."""
        ...


class LaneThread:
    """A lane with a thread of its own."""

    def __init__(self, name: str) -> None:
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def submit(self, job: Job) -> None:
        """Take a job; returns at once."""
        self._jobs.put(job)

    def end(self) -> None:
        """End the thread after its last job."""
        self._jobs.put(None)

    def join(self, timeout_s: float) -> None:
        """Wait until the thread has ended, or that time is over; from the thread itself, not at all."""
        if threading.current_thread() is not self._thread:
            self._thread.join(timeout_s)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()


class Lanes:
    """All lanes of a service: those of the host, and threads made when they are first needed."""

    def __init__(self, service: str, executors: Mapping[str, LaneExecutor]) -> None:
        self._service = service
        self._executors: dict[str, LaneExecutor] = dict(executors)
        self._threads: dict[str, LaneThread] = {}

    def submit(self, lane: str, job: Job) -> None:
        """Queue a job in a lane."""
        executor = self._executors.get(lane)
        if executor is None:
            thread = LaneThread(f"{self._service}:{lane}")
            executor = self._executors[lane] = self._threads[lane] = thread
        executor.submit(job)

    def close(self, timeout_s: float) -> None:
        """End the threads made here; those whose command has not ended after that time for all are left."""
        end = time.monotonic() + timeout_s
        for thread in self._threads.values():
            thread.end()
        for thread in self._threads.values():
            thread.join(max(0.0, end - time.monotonic()))
