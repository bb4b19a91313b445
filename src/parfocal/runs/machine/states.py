"""The states of a run, and which may follow which."""

from __future__ import annotations

from parfocal.core.run_status import RunState

#: ::
#:
#:     prepared ──> pending                             started; or dropped: prepared ──> ended
#:     pending ──> running <──> pausing ──> paused
#:                    │  ^──────────────────── │        a pause during a wait is acknowledged at once
#:                    └──> waiting <───────────┘
#:     any ──> cancelling ──> draining ──> ended        a run that comes to its end drains without cancelling
TABLE: dict[RunState, frozenset[RunState]] = {
    "prepared": frozenset({"pending", "ended"}),
    "pending": frozenset({"running", "waiting", "pausing", "cancelling", "draining"}),
    "running": frozenset({"waiting", "pausing", "paused", "cancelling", "draining"}),
    "waiting": frozenset({"running", "paused", "cancelling", "draining"}),
    "pausing": frozenset({"running", "paused", "cancelling", "draining"}),
    "paused": frozenset({"running", "waiting", "cancelling", "draining"}),
    "cancelling": frozenset({"draining"}),
    "draining": frozenset({"cancelling", "ended"}),
    "ended": frozenset(),
}
