"""The coordinator may be killed between any two stores of its account: all frames are counted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from parfocal.analysis.beads.ledger import TrackLedger
from parfocal.analysis.beads.merge import Merge
from parfocal.streams.counters import Counters


class KilledError(Exception):
    """The process ends here."""


@pytest.fixture
def let_store(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Call it with how many stores there may be before the end."""
    store = Counters.__setitem__
    left = [0]

    def stored(self: Counters, name: str, value: int) -> None:
        if left[0] == 0:
            raise KilledError
        left[0] -= 1
        store(self, name, value)

    monkeypatch.setattr(Counters, "__setitem__", stored)

    def let(stores: int) -> None:
        left[0] = stores

    return let


def go_on(ledger: TrackLedger, merge: Merge) -> None:
    """Track three frames, lose two, go on with a newer ring, track four there."""
    merge.next += 3
    ledger.note(merge, 3)
    merge.drop_until(merge.next + 2, "overrun")
    ledger.note(merge, 0)
    merge.begin_ring(merge.ring_ns + 1)
    ledger.change_ring(merge)
    merge.next += 4
    ledger.note(merge, 4)


def test_killed_at_any_store_nothing_is_in_flight_for_ever(
    tmp_path: Path, let_store: Callable[[int], None]
) -> None:
    completed = False
    for stores in range(100):
        path = tmp_path / f"{stores}.counts"
        let_store(100)
        ledger = TrackLedger(path, owner=1)
        merge = ledger.begin(1, ring_ns=7, produced=5)
        let_store(stores)
        try:
            go_on(ledger, merge)
            completed = True
        except KilledError:
            pass
        let_store(100)
        again = TrackLedger(path, owner=1)
        merge = again.begin(1, ring_ns=merge.ring_ns, produced=50)
        produced = merge.next
        for _ in range(2):
            counts = again.counts(lambda: produced)  # noqa: B023 (called at once)
            assert counts["in_flight"] == 0, (stores, counts)
            assert counts["produced"] == counts["tracked"] + sum(counts["dropped"].values())
            assert 0 <= counts["tracked"] <= 7
            assert counts["dropped"].get("overrun", 0) <= 2
            again.note(merge, 0)
        if completed:
            assert counts == {"produced": 9, "tracked": 7, "dropped": {"overrun": 2}, "in_flight": 0}
            break
    assert completed
