"""Judges a worker that is not warm yet: one that is slow has its time, one that stands still has not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from parfocal.processes.identity import is_stopped, processor_s
from parfocal.processes.start_limit import StartLimit

if TYPE_CHECKING:
    from collections.abc import Callable

LOOK_S = 0.25
"""Between two looks."""
_LOOKS = 4
"""In a row that find a process stopped: a single one may be a moment in which somebody holds it."""


class StartWatch:
    """Looks at the start of a process, a few times a second. One thread.

    Parameters
    ----------
    pid : int
        Of the process.
    limit_s : float
        How long it may take; one that works then, beside others, may take as much of a processor.
    now_ns : int
        When it was started.

    Examples
    --------
    >>> watch = StartWatch(1, 60.0, 0, is_stopped=lambda _: True)
    >>> [watch.verdict(now_ns) for now_ns in range(4)]
    ['', '', '', 'stood still while it got warm']
    """

    def __init__(
        self,
        pid: int,
        limit_s: float,
        now_ns: int,
        *,
        is_stopped: Callable[[int], bool] = is_stopped,
        processor_s: Callable[[int], float] = processor_s,
    ) -> None:
        self._pid, self._limit_s, self._limit = pid, limit_s, StartLimit(limit_s, now_ns)
        self._is_stopped, self._processor_s = is_stopped, processor_s
        self._stopped_looks = 0

    def verdict(self, now_ns: int) -> str:
        """Return why it is given up, "" if it isn't."""
        self._stopped_looks = self._stopped_looks + 1 if self._is_stopped(self._pid) else 0
        if self._stopped_looks >= _LOOKS:
            return "stood still while it got warm"
        if now_ns >= self._limit.due_ns and self._limit.verdict(now_ns, self._processor_s(self._pid)):
            return f"was not warm within {self._limit_s:g} s"
        return ""
