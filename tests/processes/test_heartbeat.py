from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from parfocal.processes.heartbeat import BEAT_EVERY_S, Heartbeat, Pulse, judged_at
from parfocal.testing.clock import ManualClock

SECOND = 10**9


def beating(path: Path) -> tuple[ManualClock, Pulse, Heartbeat]:
    clock = ManualClock(monotonic_ns=SECOND)
    pulse = Pulse(path, 1.0, clock.monotonic_ns())
    heartbeat = Heartbeat(path, clock)
    heartbeat.start()
    assert clock.wait_for_waiters()
    return clock, pulse, heartbeat


def stop(clock: ManualClock, heartbeat: Heartbeat) -> None:
    clock.advance(BEAT_EVERY_S)
    heartbeat.close()


def test_silence_is_judged_after_its_time(tmp_path: Path) -> None:
    path = tmp_path / "a.beat"
    pulse = Pulse(path, 1.0, 5 * SECOND)
    assert pulse.verdict(6 * SECOND - 1) == ""
    assert "no heartbeat for 1.0 s" in pulse.verdict(6 * SECOND)


def test_a_supervisor_that_was_away_counts_afresh(tmp_path: Path) -> None:
    pulse = Pulse(tmp_path / "a.beat", 1.0, 0)
    pulse.count_afresh(60 * SECOND)
    assert pulse.verdict(60 * SECOND + SECOND // 2) == ""
    assert pulse.due_ns() == 61 * SECOND


def test_a_step_that_does_not_end_is_named(tmp_path: Path) -> None:
    clock, pulse, heartbeat = beating(tmp_path / "a.beat")
    heartbeat.begin_step()
    now = clock.monotonic_ns()
    assert pulse.verdict(now + SECOND // 2) == ""
    assert "no heartbeat" in pulse.verdict(now + SECOND)
    clock.advance(BEAT_EVERY_S)
    assert clock.wait_for_waiters(), "it has beaten again"
    assert "in one step for 1.0 s" in pulse.verdict(now + SECOND)
    assert pulse.verdict(now + SECOND, loop_too=False) == ""
    heartbeat.end_step()
    assert pulse.verdict(now + SECOND) == ""
    stop(clock, heartbeat)


times = st.integers(0, 10**12)


@given(beat=times, step=times, since=times, after=st.integers(1, 10**10))
def test_nobody_is_judged_before_all_had_their_time(beat: int, step: int, since: int, after: int) -> None:
    judged = judged_at(beat, step, since, after)
    assert judged >= since + after
    assert judged >= min(beat, step or beat) + after
    assert judged <= max(since, beat) + after
