"""Who receives: the thread of the main lane itself, and a deputy while that runs a command that lasts.

::

    main:    receive ── run ── receive ── run a slow one ......... ── receive    quick commands: no hop
    deputy:  asleep ──────── woken if that is expected ──── receives ─────┘      nothing waits above 1 ms

Waking a second thread for each command would cost more than most commands do. So the deputy is woken for
those that lasted when they ran last; the first time it finds out by itself, with a look every 50 ms while
commands come. (A look every millisecond makes each command take a third longer.) One thread receives at
a time.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

from parfocal.ipc.lanes import Job

LASTING_S = 0.001
"""A command that runs longer than this gets a deputy."""
_LOOK_S = 0.05
_CALM = 4  # looks without traffic before the deputy sleeps until the next command

Receive = Callable[[Callable[[], bool]], None]
"""Receive until something is true."""


class Reception:
    """The main lane, which receives between its jobs; a `LaneExecutor`.

    Parameters
    ----------
    receive : callable
        Handles messages until what it is given returns true; called by one thread at a time.
    wake : callable
        Makes `receive` ask again whether to return. Any thread.
    """

    def __init__(self, service: str, receive: Receive, wake: Callable[[], None]) -> None:
        self._receive = receive
        self._wake = wake
        self._jobs: deque[Job] = deque()
        self._turn = threading.Lock()
        self._idle = threading.Condition(self._turn)
        self._busy = self._deputised = self._relieved = self._draining = self._stopping = False
        self._asleep, self._expected = True, False
        self._rounds = 0
        self._began_s = 0.0
        self._alarm = threading.Semaphore(0)
        self._left = threading.Semaphore(0)
        self._main = threading.Thread(target=self._work, name=f"{service}:main", daemon=True)
        self._deputy = threading.Thread(target=self._deputise, name=f"{service}:deputy", daemon=True)

    def start(self) -> None:
        """Begin to receive."""
        self._main.start()
        self._deputy.start()

    def submit(self, job: Job) -> None:
        """Take a job of the main lane. Only from within `receive`: whoever receives sees it next."""
        self._jobs.append(job)

    def expect_lasting(self) -> None:
        """Have the deputy ready: a job that was submitted is likely to last. Only from within `receive`."""
        self._expected = True

    def drain(self, timeout_s: float) -> bool:
        """Wait until no job is left; return whether that came in time. From the main lane itself: at once."""
        if threading.current_thread() is self._main:
            return False
        with self._turn:
            self._draining = True
            return self._idle.wait_for(lambda: not self._busy and not self._jobs, timeout_s)

    def stop(self) -> None:
        """End both threads; the main one is left behind if its command does not end."""
        self._stopping = True
        self._wake()
        self._alarm.release()
        for thread in (self._deputy, self._main):
            if thread is not threading.current_thread() and not (thread is self._main and self._busy):
                thread.join()

    def _work(self) -> None:
        while not self._stopping:
            self._receive(lambda: bool(self._jobs) or self._stopping)
            if self._jobs:
                self._run_jobs()

    def _run_jobs(self) -> None:
        with self._turn:
            self._busy = True
            self._rounds += 1
            self._began_s = time.monotonic()
            wanted = self._asleep or self._expected
            self._asleep = self._expected = False
        if wanted:
            self._alarm.release()
        while self._jobs:
            self._jobs.popleft()()
        with self._turn:
            self._busy = False
            self._relieved = deputised = self._deputised
            if self._draining:
                self._idle.notify_all()
        if deputised:
            self._wake()
            self._left.acquire()  # two receiving at once could take each other's wake-ups

    def _deputise(self) -> None:
        calm = _CALM
        while not self._stopping:
            rounds = self._rounds
            if self._alarm.acquire(timeout=None if calm == _CALM else _LOOK_S):
                time.sleep(LASTING_S)
            self._stand_in()
            calm = 0 if self._rounds != rounds else calm + 1
            if calm == _CALM and not self._may_sleep(rounds):
                calm = 0

    def _stand_in(self) -> None:
        """Receive while the jobs run, if they have run for long already."""
        with self._turn:
            self._deputised = self._busy and time.monotonic() - self._began_s >= LASTING_S
            if not self._deputised:
                return
        self._receive(lambda: self._relieved or self._stopping)
        with self._turn:
            self._deputised = self._relieved = False
        self._left.release()

    def _may_sleep(self, rounds: int) -> bool:
        with self._turn:
            self._asleep = not self._busy and self._rounds == rounds
            return self._asleep
