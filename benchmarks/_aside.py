"""A process beside this one in which a way of doing things is measured: it may fail, hang or crash there."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any, TypeVar

from _report import Failed, attempt

T = TypeVar("T")
SPAWN = get_context("spawn")


class Aside:
    """Calls functions in a process of its own, until one fails; from then on every call is that failure.

    A call that does not return in time fails; the process is then killed with all that it started.

    Parameters
    ----------
    limit_s
        How long a call may take.

    """

    def __init__(self, limit_s: float = 120.0) -> None:
        self._limit_s = limit_s
        self._failure: Failed | None = None
        self._here, there = SPAWN.Pipe()
        self._process = SPAWN.Process(target=_work, args=(there,))
        self._process.start()
        there.close()

    def __enter__(self) -> Aside:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def call(self, work: Callable[..., T], *args: Any, **kwargs: Any) -> T | Failed:
        """Return what ``work(*args, **kwargs)`` returns there; `work` is a function of a module."""
        if self._failure is None:
            answer = self._ask(work, args, kwargs)
            if not isinstance(answer, Failed):
                return answer
            self._failure = answer
            self._end()
        return self._failure

    def _ask(self, *request: Any) -> Any:
        try:
            self._here.send(request)
            if self._here.poll(self._limit_s):
                return self._here.recv()
            return Failed(f"no result within {self._limit_s:g} s")
        except (EOFError, OSError):
            self._process.join(5)
            return Failed(f"its process ended with exit code {self._process.exitcode}")

    def _end(self) -> None:
        self._here.close()
        self._process.join(0 if self._failure else 10)
        pid = self._process.pid
        if pid is not None and hasattr(os, "killpg"):
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)  # its own group: see _work
        self._process.kill()
        self._process.join()


def _work(there: Connection) -> None:
    """Do what is asked, until the other end closes; in a process group of its own, with all it starts."""
    os.setsid()
    while True:
        try:
            work, args, kwargs = there.recv()
        except (EOFError, OSError):
            return
        there.send(attempt(partial(work, *args, **kwargs)))
