from __future__ import annotations

from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st

from parfocal.processes.orderly_end import OrderlyEnd

SECOND = 10**9
LEVELS = (("camera", "stage"), ("tracker",), ("recorder",))


def services(*running: str, gone: frozenset[str] = frozenset()) -> dict[str, SimpleNamespace]:
    names = [name for level in LEVELS for name in level if name not in gone]
    return {name: SimpleNamespace(life=SimpleNamespace(has_process=name in running)) for name in names}


def test_who_sends_ends_before_who_reads_and_leaves_what_it_did_not_use() -> None:
    end = OrderlyEnd(LEVELS, (), end_ns=6 * SECOND)
    everybody = services("camera", "stage", "tracker", "recorder")
    assert list(end.next(everybody, 0)) == [("camera", 2.0), ("stage", 2.0)]
    assert list(end.next(everybody, SECOND)) == [], "they still end"
    assert list(end.next(services("tracker", "recorder"), 2 * SECOND)) == [("tracker", 2.0)]
    assert list(end.next(services("recorder"), 2 * SECOND)) == [("recorder", 4.0)]
    assert list(end.next(services(), 7 * SECOND)) == []


def test_what_steers_the_others_ends_before_all_of_them() -> None:
    end = OrderlyEnd(LEVELS, ("recorder",), end_ns=6 * SECOND)
    assert list(end.next(services("camera", "stage", "tracker", "recorder"), 0)) == [("recorder", 3.0)]
    assert list(end.next(services("camera", "stage", "tracker"), 0)) == [("camera", 2.0), ("stage", 2.0)]


@given(st.sets(st.sampled_from([name for level in LEVELS for name in level])))
def test_a_service_that_was_removed_meanwhile_holds_up_nobody(gone: set[str]) -> None:
    end, left = OrderlyEnd(LEVELS, (), 0), services(gone=frozenset(gone))
    assert [name for name, _ in end.next(left, SECOND)] == list(left)
