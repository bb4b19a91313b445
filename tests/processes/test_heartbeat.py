from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parfocal.processes.heartbeat import (
    BEAT_EVERY_S,
    Heartbeat,
    HeartbeatMonitor,
    Stamps,
    look_at,
    step_over_at,
)
from parfocal.testing.clock import ManualClock

SECOND = 10**9


def idle() -> float:
    return 0.0


def sleeps() -> bool:
    return False


def beating(
    path: Path, step_limit_s: float = 5.0, share: float = 1.0
) -> tuple[ManualClock, HeartbeatMonitor, Heartbeat]:
    clock = ManualClock(monotonic_ns=SECOND)
    monitor = HeartbeatMonitor(path, 1.0, clock.monotonic_ns(), lambda: share)
    heartbeat = Heartbeat(path, step_limit_s, clock)
    heartbeat.start()
    assert clock.wait_for_waiters()
    return clock, monitor, heartbeat


def stop(clock: ManualClock, heartbeat: Heartbeat) -> None:
    clock.advance(BEAT_EVERY_S)
    heartbeat.close()


def verdict_when_due(monitor: HeartbeatMonitor, processor_s=idle) -> tuple[int, str]:
    """Ask for a verdict whenever one is due; return the first, and when it came."""
    while not (verdict := monitor.verdict(due := monitor.due_ns(), processor_s, sleeps)):
        continue
    return due, verdict


def test_silence_is_judged_after_its_time(tmp_path: Path) -> None:
    monitor = HeartbeatMonitor(tmp_path / "a.beat", 1.0, 5 * SECOND)
    assert verdict_when_due(monitor) == (6 * SECOND, "hung: no heartbeat for 1.0 s")


def test_a_supervisor_that_was_away_counts_afresh(tmp_path: Path) -> None:
    monitor = HeartbeatMonitor(tmp_path / "a.beat", 1.0, 0)
    monitor.reset_silence(60 * SECOND)
    assert verdict_when_due(monitor)[0] == 61 * SECOND


def test_a_process_that_opens_counts_as_hung_when_it_is_stopped_at_two_looks_in_a_row(tmp_path: Path) -> None:
    monitor = HeartbeatMonitor(tmp_path / "a.beat", 1.0, 0)
    looks = []

    def look(is_stopped: bool, late_s: float = 0.0) -> str:
        looks.append(monitor.due_ns(loop_too=False) + int(late_s * SECOND))
        return monitor.verdict_of_start(looks[-1], idle, lambda: is_stopped)

    assert [look(False), look(True), look(False), look(True, late_s=5.0)] == [""] * 4
    assert look(True) == "hung: somebody stopped its process while it started"
    assert looks[-1] - looks[-2] == SECOND // 4


def test_a_step_is_busy_until_its_limit_and_hung_after_it(tmp_path: Path) -> None:
    clock, monitor, heartbeat = beating(tmp_path / "a.beat", step_limit_s=1.5)
    heartbeat.begin_step()
    begun = clock.monotonic_ns()
    for _ in range(7):
        clock.advance(BEAT_EVERY_S)
        assert clock.wait_for_waiters(), "it has beaten again"
        assert monitor.verdict(clock.monotonic_ns(), idle, sleeps) == ""
    assert monitor.busy_s(begun + SECOND) == 1.0
    over = begun + 3 * SECOND // 2
    assert monitor.due_ns() == over
    assert monitor.verdict(over, idle, sleeps) == "hung: in one step for 1.5 s (its step_limit_s is 1.5)"
    assert monitor.verdict(over, idle, sleeps, loop_too=False) == ""
    heartbeat.end_step()
    assert monitor.verdict(over, idle, sleeps) == ""
    assert monitor.busy_s(over) == 0.0
    stop(clock, heartbeat)


def test_a_silent_process_that_works_is_busy_until_the_limit_of_a_step(tmp_path: Path) -> None:
    clock, monitor, heartbeat = beating(tmp_path / "a.beat", step_limit_s=5.0)
    begun = clock.monotonic_ns()
    used = iter(range(1000))
    due, verdict = verdict_when_due(monitor, lambda: float(next(used)))
    assert begun + 5 * SECOND <= due <= begun + 5 * SECOND + SECOND // 4
    assert "no heartbeat" in verdict
    stop(clock, heartbeat)


@pytest.mark.parametrize(("share", "busy"), [(1.0, False), (0.2, True)])
def test_on_a_busy_machine_less_of_a_processor_is_work(tmp_path: Path, share: float, busy: bool) -> None:
    clock, monitor, heartbeat = beating(tmp_path / "a.beat", share=share)
    begun = clock.monotonic_ns()
    assert monitor.verdict(begun + SECOND * 3 // 4, idle, sleeps) == ""
    after_a_tenth_of_a_processor = monitor.verdict(begun + SECOND, lambda: 0.025, sleeps)
    assert ("no heartbeat" in after_a_tenth_of_a_processor) is not busy
    stop(clock, heartbeat)


def test_a_silent_process_that_wants_a_processor_is_busy_until_the_limit_of_a_step(tmp_path: Path) -> None:
    clock, monitor, heartbeat = beating(tmp_path / "a.beat", step_limit_s=5.0)
    begun = clock.monotonic_ns()
    looks = [begun + part * SECOND // 4 for part in range(3, 21)]  # those before the limit
    verdicts = [monitor.verdict(look, idle, lambda: True) for look in looks]
    assert verdicts[:-1] == [""] * 17
    assert verdicts[-1] == "hung: no heartbeat for 5.0 s"
    stop(clock, heartbeat)


times = st.integers(0, 10**12)


@given(beat=times, step=times, since=times, after=st.integers(4, 10**10))
def test_nobody_is_judged_before_all_had_their_time(beat: int, step: int, since: int, after: int) -> None:
    assert look_at(beat, since, after) >= max(beat, since) + after // 2
    over = step_over_at(Stamps(beat, step, after), since)
    assert over >= max(step, since) + after
    assert (over > 10**13) == (step == 0)
