"""A reader's ledger compares two accounts of one thing, and names the one that is wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parfocal.core.status import ReaderLedger

counts = st.integers(0, 50)


def ledger(offered: int, delivered: int, overrun: int, in_flight: int) -> ReaderLedger:
    return ReaderLedger(
        name="recorder",
        pid=1,
        policy="drop",
        offered=offered,
        delivered=delivered,
        dropped={"overrun": overrun},
        in_flight=in_flight,
    )


@given(counts, counts, counts, st.integers(-3, 3))
def test_it_balances_only_if_everything_is_counted_once(
    delivered: int, overrun: int, in_flight: int, off: int
) -> None:
    counted = ledger(delivered + overrun + in_flight + off, delivered, overrun, in_flight)
    assert counted.balances == (off == 0)


@pytest.mark.parametrize(
    ("counts", "told"),
    [
        ((8, 9, 0, 0), "reader 'recorder' counted 9 of 8"),
        ((8, 14, -6, 0), "reader 'recorder' counted less than nothing as overrun"),
        ((8, 10, 0, -2), "the writer's position lies before that of reader 'recorder': -2 in flight"),
    ],
)
def test_what_balances_with_negative_numbers_is_wrong_too(counts: tuple[int, ...], told: str) -> None:
    wrong = ledger(*counts)
    assert not wrong.balances
    assert told in wrong.imbalance
