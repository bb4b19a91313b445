"""Prediction beside fact: how much later than predicted the events of a run began. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from parfocal.core.event_kinds import EVENT_KINDS

if TYPE_CHECKING:
    from numpy.typing import NDArray

LIMIT_S, LIMIT_PART = 0.05, 0.1
"""A prediction is a good one within that, or within that part of the time since the begin of the run."""


class EventTiming(msgspec.Struct, frozen=True, kw_only=True):
    """How much later than predicted the events of one kind began.

    Attributes
    ----------
    events : int
        How many began, and were predicted.
    p50_s, p95_s : float
        Fact less prediction in seconds: the median, and what 95 % are below. Negative where they were early.
    within : float
        Which part of them began within 50 ms of the prediction, or a tenth of the time since the run began.

    Examples
    --------
    >>> print(EventTiming(events=88, p50_s=-0.0102, p95_s=0.0208, within=1.0))
    88 events: -10 ms at p50, +21 ms at p95 of what was predicted; 100 % within 50 ms or 10 %
    """

    events: int
    p50_s: float
    p95_s: float
    within: float

    def __str__(self) -> str:
        limits = f"{1e3 * LIMIT_S:.0f} ms or {100 * LIMIT_PART:.0f} %"
        off = f"{1e3 * self.p50_s:+.0f} ms at p50, {1e3 * self.p95_s:+.0f} ms at p95"
        return f"{self.events} events: {off} of what was predicted; {100 * self.within:.0f} % within {limits}"


def timing_of(events: NDArray[Any]) -> dict[str, EventTiming]:
    """Return how much later than predicted events began, by their kind; only of kinds of which any began.

    Waits and questions have no begin of their own in the log, and are left out.

    Parameters
    ----------
    events : structured array (n,)
        The log of a run's events, as `RecordedRun.events` returns it.

    Examples
    --------
    >>> log = np.zeros(4, [("kind", "u1"), ("started_s", "f8"), ("predicted_s", "f8")])
    >>> log["started_s"] = [0.0, 1.02, 2.2, np.nan]
    >>> log["predicted_s"] = [0.0, 1.0, 2.0, 3.0]
    >>> timing = timing_of(log)
    >>> list(timing), timing["image"].events, round(timing["image"].p50_s, 3), timing["image"].within
    (['image'], 3, 0.02, 1.0)
    """
    late_s = events["started_s"] - events["predicted_s"]
    known = np.isfinite(late_s)
    found: dict[str, EventTiming] = {}
    for number, kind in enumerate(EVENT_KINDS):
        chosen = known & (events["kind"] == number)
        if not chosen.any():
            continue
        off_s, limit_s = late_s[chosen], np.maximum(LIMIT_S, LIMIT_PART * events["started_s"][chosen])
        p50_s, p95_s = np.percentile(off_s, [50, 95])
        found[kind] = EventTiming(
            events=int(chosen.sum()),
            p50_s=float(p50_s),
            p95_s=float(p95_s),
            within=float(np.mean(np.abs(off_s) <= limit_s)),
        )
    return found
