from __future__ import annotations

from collections.abc import Callable

import pytest

from parfocal.processes.start_limit import StartLimit

SECOND = 10**9
LIMIT_S = 100.0


def when_over(
    share: float, used_s: Callable[[float], float], begun_ns: int = 7 * SECOND
) -> tuple[float, str]:
    """Ask for a verdict whenever one is due; return when it came, s after the start, and what it says."""
    limit = StartLimit(LIMIT_S, begun_ns, lambda: share)
    while True:
        due_ns = limit.due_ns
        lasts_s = (due_ns - begun_ns) / SECOND
        if verdict := limit.verdict(due_ns, used_s(lasts_s)):
            return lasts_s, verdict


@pytest.mark.parametrize("share", [1.0, 0.1])
def test_who_waits_has_the_limit_and_no_more_however_busy_the_machine_is(share: float) -> None:
    verdict = "not ready after 100 s (its start_timeout_s is 100)"
    assert when_over(share, lambda _: 0.0) == (LIMIT_S, verdict)


def test_who_works_has_no_more_where_nothing_else_runs() -> None:
    assert when_over(1.0, lambda lasts_s: lasts_s)[0] == LIMIT_S


def test_who_works_on_a_machine_with_other_work_has_the_limit_of_processor_time() -> None:
    lasts_s, verdict = when_over(0.1, lambda lasts_s: 0.09 * lasts_s)
    assert lasts_s == LIMIT_S / 0.1
    assert verdict == "not ready after 1000 s (its start_timeout_s is 100)"


def test_who_worked_at_first_and_waits_now_has_no_more() -> None:
    assert when_over(0.1, lambda lasts_s: min(0.09 * lasts_s, 6.0))[0] == LIMIT_S


def test_who_stops_working_later_is_over_at_the_next_look() -> None:
    assert when_over(0.1, lambda lasts_s: min(0.09 * lasts_s, 18.0))[0] == 2.25 * LIMIT_S


def test_a_look_that_comes_late_is_no_other_limit() -> None:
    limit = StartLimit(LIMIT_S, 0, lambda: 1.0)
    assert limit.verdict(300 * SECOND, 0.0) == "not ready after 300 s (its start_timeout_s is 100)"
