"""How long a service may take to be ready: by the clock, unless it works beside others that work."""

from __future__ import annotations

from collections.abc import Callable

from parfocal.processes.heartbeat import FIRST_LOOK, is_at_work
from parfocal.processes.system import fair_share


class StartLimit:
    """Judges one start of a service.

    It may take `limit_s`. One that is at work when that is over, as a first start that compiles, may go on
    until it could have had `limit_s` of a processor, of which others want theirs: ended before, it would
    begin the same work anew.

    Parameters
    ----------
    limit_s : float
        How long it may take where nothing else runs.
    now_ns : int
        Its start is counted from here on.
    fair_share : callable
        Returns how much of a processor a process that works can have now.

    Examples
    --------
    >>> limit = StartLimit(100.0, 0, fair_share=lambda: 0.5)
    >>> limit.due_ns / 1e9
    75.0
    >>> limit.verdict(limit.due_ns, processor_s=30.0), limit.due_ns / 1e9
    ('', 100.0)
    >>> limit.verdict(limit.due_ns, processor_s=40.0), limit.due_ns / 1e9  # it works: 0.4 s in each second
    ('', 125.0)
    >>> limit.verdict(limit.due_ns, processor_s=40.0)  # it waits for something
    'not ready after 125 s (its start_timeout_s is 100)'
    """

    def __init__(self, limit_s: float, now_ns: int, fair_share: Callable[[], float] = fair_share) -> None:
        self.due_ns = now_ns + int(FIRST_LOOK * limit_s * 1e9)
        """When to ask for a verdict."""
        self._limit_s = limit_s
        self._begun_ns = self._looked_ns = now_ns
        self._fair_share = fair_share
        self._used_s = 0.0
        self._could_have_s = 0.0

    def verdict(self, now_ns: int, processor_s: float) -> str:
        """Return why it counts as hung, "" if it doesn't; `due_ns` tells when to ask again.

        Parameters
        ----------
        processor_s : float
            How much processor time the process has used.
        """
        could_have_s = self._fair_share() * (now_ns - self._looked_ns) / 1e9
        works = is_at_work(processor_s - self._used_s, could_have_s)
        self._could_have_s += could_have_s
        self._looked_ns, self._used_s = now_ns, processor_s
        lasts_s = (now_ns - self._begun_ns) / 1e9
        over = lasts_s >= self._limit_s
        if over and not (works and self._could_have_s < self._limit_s):
            return f"not ready after {round(lasts_s, 1):g} s (its start_timeout_s is {self._limit_s:g})"
        next_ns = now_ns + int((1 - FIRST_LOOK) * self._limit_s * 1e9)
        self.due_ns = next_ns if over else max(now_ns, self._begun_ns + int(self._limit_s * 1e9))
        return ""
