"""Runs carried out in a thread of their own, on clocks of the tests' own."""

from __future__ import annotations

import logging
import threading

import pytest

from parfocal.core.clock import SYSTEM_CLOCK, poll_until
from parfocal.core.errors import BadInputError
from parfocal.core.run_status import RunStatus
from parfocal.runs.conditions.interlocks import Interlock
from parfocal.runs.conditions.judging import observed
from parfocal.runs.conditions.values import Lag, Reading
from parfocal.runs.conditions.watching import ConditionWatch
from parfocal.runs.engine import RunEngine
from parfocal.runs.instruments.instruments import RunStart, RunStorage
from parfocal.runs.machine.timing import Timing
from parfocal.runs.plans.combine import combine
from parfocal.runs.plans.elements import acquire, confirm, wait
from parfocal.runs.plans.schedule import Schedule
from parfocal.runs.plans.sequence import Sequence
from parfocal.testing.clock import JumpClock, ManualClock
from parfocal.testing.instruments import MemoryInstruments

PATIENCE_S = 30.0
LOG = logging.getLogger("test runs")


def series(loops, interval=1.0, **more):
    return Sequence(time_plan={"interval": interval, "loops": loops}, **more)


class Lab:
    """Starts runs with instruments in memory, and waits for their states."""

    def __init__(self, clock):
        self.clock = clock
        self.instruments = MemoryInstruments(clock)
        self.told: list[RunStatus] = []
        self.settled: list[tuple[int, str]] = []
        self._news = threading.Condition()
        self.runs: list[RunEngine] = []

    def hear(self, status):
        with self._news:
            self.told.append(status)
            self._news.notify_all()

    def note(self, done):
        self.settled.append((done.event.number, done.outcome))

    def run(self, plan, name="run", **options):
        run = RunEngine(
            RunStart(run=name, plan={}),
            Schedule(plan),
            self.instruments,
            clock=self.clock,
            log=LOG,
            tell=self.hear,
            note=self.note,
            **options,
        )
        self.runs.append(run)
        run.start()
        return run

    def until(self, run, *states):
        with self._news:
            assert self._news.wait_for(lambda: run.status().state in states, PATIENCE_S), run.status()
        return run.status()

    def until_dark(self):
        """Wait for darkness: a state is told before the run's thread does what belongs to it."""
        assert poll_until(lambda: not self.instruments.lit, PATIENCE_S, every_s=0.001)

    def end(self, run):
        assert run.join(PATIENCE_S), run.status()
        return run.status()

    @property
    def starts(self):
        return [round(at, 3) for _, at in self.instruments.exposed]


@pytest.fixture
def quick():
    return Lab(JumpClock())


@pytest.fixture
def slow():
    lab = Lab(ManualClock())
    yield lab
    for run in lab.runs:
        run.cancel("the test is over")
        assert run.join(PATIENCE_S)


def test_instruments_are_told_with_an_image_what_the_plan_has_next(quick, monkeypatch):
    told, expose = [], quick.instruments.expose

    def expose_and_note(event, following=None):
        if event.kind == "image":
            told.append((event.number, following.number, following.kind))
        return expose(event, following)

    monkeypatch.setattr(quick.instruments, "expose", expose_and_note)
    stimuli = {"stim_channels": ["blue"], "stim_frames": "all", "stim_exposure": 5}
    quick.end(quick.run(combine(series(2, **stimuli), wait(1), axis="t")))
    assert told == [(0, 1, "stimulus"), (2, 3, "stimulus")]


def test_hours_of_plan_in_milliseconds_of_test(quick):
    plan = combine(series(3, 10), wait(10), series(3, 10), axis="t")
    status = quick.end(quick.run(plan))
    assert quick.starts == [0, 10, 20, 30, 40, 50]
    assert (status.state, status.outcome) == ("ended", "complete")
    assert (status.events_total, status.events_consumed, status.events_acquired) == (7, 7, 7)
    assert status.frames_received == 6
    assert status.elapsed_s == pytest.approx(50.01)
    assert status.started_at is not None
    assert [told.state for told in quick.told] == ["running", "waiting", "running", "draining", "ended"]
    assert not quick.instruments.lit


def test_a_leading_wait_ticks_nothing(quick):
    status = quick.end(quick.run(combine(wait(3600), series(3, 10), axis="t")))
    assert quick.starts == [3600, 3610, 3620]
    assert status.elapsed_s == pytest.approx(20.01)


def test_no_exposure_begins_once_a_pause_is_acknowledged(slow):
    run = slow.run(series(5))
    slow.clock.wait_for_waiters()  # in the first exposure
    assert run.pause("look").state == "pausing"
    slow.clock.advance(0.01)
    assert slow.until(run, "paused").events_acquired == 1
    slow.until_dark()
    slow.clock.advance(50)
    assert len(slow.instruments.exposed) == 1
    run.resume()
    slow.clock.wait_for_waiters()
    slow.clock.advance(1)
    while len(slow.instruments.exposed) < 2:
        slow.clock.wait_for_waiters(timeout_s=0.01)
    assert slow.starts == [0, 51.01]


def test_a_pause_during_a_wait_is_acknowledged_at_once_and_its_countdown_holds(slow):
    run = slow.run(combine(wait(100), series(1), axis="t"))
    slow.until(run, "waiting")
    slow.clock.wait_for_waiters()
    slow.clock.advance(30)
    assert run.pause().state == "paused"
    slow.clock.advance(500)
    assert run.status().wait_remaining_s == pytest.approx(70)
    assert run.resume().state == "running"
    slow.until(run, "waiting")
    assert run.status().wait_remaining_s == pytest.approx(70)


@pytest.mark.parametrize(
    "plan",
    [
        combine(wait(100), series(1), axis="t"),
        combine(confirm("go on?"), series(1), axis="t"),
        combine(confirm("go on?", timeout_s=100), series(1), axis="t"),
        series(3, 100),
        acquire(None),
    ],
    ids=["wait", "confirm", "confirm with a limit", "schedule", "acquire"],
)
@pytest.mark.parametrize("paused", [False, True])
def test_a_cancel_ends_every_wait(slow, plan, paused):
    run = slow.run(plan)
    slow.clock.wait_for_waiters(timeout_s=0.2)
    if paused:
        run.pause()
    assert run.cancel("enough").state in ("cancelling", "draining", "ended")
    status = slow.end(run)
    assert (status.outcome, status.reason) == ("cancelled", "enough")
    assert status.events_consumed == status.events_acquired + sum(status.events_dropped.values())
    assert not slow.instruments.lit
    assert not slow.instruments.claimed


def test_cancelled_in_every_state_and_started_again_at_once(slow):
    plan = combine(series(2), wait(5), confirm("go on?"), series(3), axis="t")
    for turn in range(20):
        run = slow.run(plan, name=f"first {turn}")
        for _ in range(turn):
            slow.clock.wait_for_waiters(timeout_s=0.02)
            slow.clock.advance(0.5)
            run.confirm(True)
        run.cancel("again")
        assert slow.end(run).outcome in ("cancelled", "complete")
        before = len(slow.instruments.exposed)
        again = slow.run(series(2, 0), name=f"second {turn}")
        while not again.join(0.001):
            slow.clock.advance(0.01)
        status = again.status()
        assert (status.outcome, status.events_acquired, status.frames_received) == ("complete", 2, 2)
        assert [number for number, _ in slow.instruments.exposed[before:]] == [0, 1]


def test_finish_completes_up_to_here(slow):
    run = slow.run(series(5))
    slow.clock.wait_for_waiters()
    run.finish("seen enough")
    slow.clock.advance(0.01)
    status = slow.end(run)
    assert (status.outcome, status.reason) == ("finished early", "seen enough")
    assert (status.events_acquired, status.events_total) == (1, 5)


def test_a_question_waits_for_its_answer_in_the_dark(slow):
    run = slow.run(combine(series(1), confirm("is the lid shut?"), series(1), axis="t"))
    slow.clock.wait_for_waiters()
    slow.clock.advance(0.01)
    slow.until(run, "waiting")
    slow.clock.advance(10)
    assert run.status().question == "is the lid shut?"
    slow.until_dark()
    run.confirm(True)
    while not run.join(0.001):
        slow.clock.advance(0.1)
    assert run.status().outcome == "complete"


def test_an_answer_to_another_question_than_is_asked_is_refused(slow):
    run = slow.run(
        combine(confirm("is the lid shut?"), confirm("is the lid shut?"), confirm("well?"), axis="t")
    )
    slow.until(run, "waiting")
    first = run.status()
    shown = {"question": first.question, "event": first.event_number}
    run.confirm(True, **shown)
    while run.status().event_number == first.event_number:
        slow.clock.advance(0.1)
    slow.until(run, "waiting")
    with pytest.raises(BadInputError, match=r"'is the lid shut[?]' is not asked any more"):
        run.confirm(False, **shown)  # a late click: the same words, of the question before
    run.confirm(True, question="is the lid shut?", event=run.status().event_number)
    while run.status().question != "well?":
        slow.clock.advance(0.1)
    with pytest.raises(BadInputError, match=r"run 'run.*' asks 'well[?]' now"):
        run.confirm(False, **shown)
    run.confirm(True)
    while not run.join(0.001):
        slow.clock.advance(0.1)
    assert run.status().outcome == "complete"
    with pytest.raises(BadInputError, match="asks nothing now"):
        run.confirm(True, **shown)


def test_a_question_that_is_answered_with_no_cancels(quick):
    run = quick.run(confirm("go on?"))
    quick.until(run, "waiting")
    run.confirm(False)
    status = quick.end(run)
    assert status.outcome == "cancelled"
    assert "go on?" in status.reason


def test_what_was_asked_of_a_run_is_in_its_status_and_its_record(slow):
    run = slow.run(combine(series(1), confirm("is the lid shut?"), series(2), axis="t"), caller=lambda: "Ada")
    slow.clock.wait_for_waiters()
    slow.clock.advance(0.01)
    slow.until(run, "waiting")
    run.pause("a bubble")
    run.pause("again")  # changes nothing
    run.resume("catch up", 0.5)
    slow.until(run, "waiting")
    run.confirm(True, "shut, and clean")
    slow.clock.wait_for_waiters()  # in the second exposure
    run.confirm(True, "too late")
    run.extend(series(1))
    status = run.finish("seen enough")
    slow.clock.advance(0.01)
    final = slow.end(run)
    asked = [
        ("pause", 1, {"reason": "a bubble"}),
        ("resume", 1, {"policy": "catch up", "gap_s": 0.5}),
        ("confirm", 1, {"question": "is the lid shut?", "answer": True, "text": "shut, and clean"}),
        ("extend", 2, {"events": 5}),
        ("finish", 2, {"reason": "seen enough"}),
    ]
    assert [(one.command, one.event, one.details) for one in status.commands] == asked
    assert {one.by for one in status.commands} == {"Ada"}
    assert final.commands == slow.instruments.commands == status.commands


def test_what_the_record_cannot_take_now_it_gets_later_and_once(slow):
    run = slow.run(series(100))
    slow.clock.wait_for_waiters()
    slow.instruments.recorder_is_away = True
    run.pause("why")
    run.keep_commands()
    assert slow.instruments.commands == ()
    slow.instruments.recorder_is_away = False
    run.keep_commands()
    run.keep_commands()
    assert [one.command for one in slow.instruments.commands] == ["pause"]
    slow.instruments.recorder_is_away = True
    run.cancel("enough")
    slow.end(run)
    assert [one.command for one in slow.instruments.commands] == ["pause", "cancel"]


def test_who_looks_after_all_runs_does_not_wait_for_a_write_of_another_thread(slow):
    run = slow.run(series(100))
    slow.clock.wait_for_waiters()
    writes, may_end = threading.Event(), threading.Event()
    keep = slow.instruments.keep_commands

    def patient_keep(commands, *, patiently=False):
        writes.set()
        assert may_end.wait(PATIENCE_S)
        keep(commands, patiently=patiently)

    slow.instruments.keep_commands = patient_keep
    run.cancel("enough")
    assert writes.wait(PATIENCE_S)  # in the run's thread, before it closes its record
    looks = threading.Thread(target=run.keep_commands, daemon=True)
    looks.start()
    looks.join(PATIENCE_S / 2)
    waited = looks.is_alive()
    may_end.set()
    slow.end(run)
    assert not waited
    assert [one.command for one in slow.instruments.commands] == ["cancel"]


def test_a_status_shows_the_last_ten_commands(slow):
    run = slow.run(series(100))
    slow.clock.wait_for_waiters()
    for _ in range(11):
        run.extend(series(1))
    assert [one.details["events"] for one in run.status().commands] == list(range(102, 112))


def test_what_is_stored_at_the_end_is_not_replaced_by_what_was_asked_before(quick):
    """Who looks after all runs asks how far their records are, and may come too late with the answer."""
    run = quick.run(series(3))
    before = quick.instruments.storage()
    ended = quick.end(run)
    assert ended.frames_stored == 3
    run.stored(before)
    run.stored(RunStorage(stored=1))
    assert run.status() == ended


def test_what_was_not_stored_is_told_once(slow):
    run = slow.run(series(100))
    slow.clock.wait_for_waiters()
    for _ in range(2):
        run.stored(RunStorage(errors=("tracks: DiskFullError: the disk is full",)))
    run.stored(RunStorage(errors=("tracks: DiskFullError: the disk is full", "camera: gone")))
    errors = run.status().errors
    assert errors.count == 2
    assert [(one.source, one.message) for one in errors.last] == [
        ("recorder", "tracks: DiskFullError: the disk is full"),
        ("recorder", "camera: gone"),
    ]


def test_a_question_that_nobody_answers_fails(quick):
    status = quick.end(quick.run(confirm("go on?", timeout_s=60)))
    assert status.outcome == "failed"
    assert "nobody answered" in status.reason


@pytest.mark.parametrize("on_failure", ["stop", "go on", "pause"])
@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_note_that_raises_ends_the_run_as_failed_and_in_the_dark(quick, number, on_failure):
    lit = []

    def note(done):
        if done.event.number == number:
            lit.append(quick.instruments.lit)
            raise OverflowError("too large for the log")

    quick.note = note
    status = quick.end(quick.run(series(3), on_failure=on_failure))
    assert lit == [True]
    assert (status.state, status.outcome) == ("ended", "failed")
    assert status.reason == "OverflowError: too large for the log"
    assert status.events_acquired == len(quick.instruments.exposed) == number + 1
    (error,) = status.errors.last
    assert (error.source, error.type, error.message) == ("runs", "OverflowError", "too large for the log")
    assert not quick.instruments.lit
    assert not quick.instruments.claimed


def test_a_cancelled_run_whose_note_raises_is_closed_as_cancelled(slow):
    def note(done):
        raise KeyError("stimulations")

    slow.note = note
    run = slow.run(series(3))
    slow.clock.wait_for_waiters()  # in the first exposure
    run.cancel("enough")
    status = slow.end(run)
    assert (status.outcome, status.reason, status.errors.count) == ("cancelled", "enough", 1)
    assert slow.instruments.done[-1] == "close cancelled"
    assert not slow.instruments.lit


def test_a_lost_frame_is_declared(quick):
    quick.instruments.faults = {1: "lost"}
    status = quick.end(quick.run(series(3)))
    assert status.outcome == "incomplete: lost 1"
    assert status.events_dropped == {"lost": 1}
    assert (status.events_consumed, status.events_acquired) == (3, 2)
    assert quick.settled == [(0, "acquired"), (1, "lost"), (2, "acquired")]


def test_an_image_is_repeated_when_its_instrument_was_started_again(quick):
    quick.instruments.faults = {1: "restarted"}
    status = quick.end(quick.run(series(3)))
    assert status.outcome == "complete"
    assert [number for number, _ in quick.instruments.exposed] == [0, 1, 1, 2]
    assert status.errors.count == 1
    assert status.errors.last[0].event == 1


def test_a_stimulus_is_never_fired_twice(quick):
    plan = series(2, channels=["a"], stim_channels=["blue"], stim_frames=[0], stim_exposure=5)
    quick.instruments.faults = {1: "restarted"}
    status = quick.end(quick.run(plan))
    assert [number for number, _ in quick.instruments.exposed] == [0, 1, 2]
    assert status.events_dropped == {"unsure": 1}
    assert (status.stimulations.fired, status.stimulations.unsure) == (0, 1)


def test_a_stimulus_is_fired_when_only_its_placing_was_broken_off(quick):
    plan = series(2, channels=["a"], stim_channels=["blue"], stim_frames=[0], stim_exposure=5)
    quick.instruments.faults = {1: "restarted in place"}
    status = quick.end(quick.run(plan))
    assert [number for number, _ in quick.instruments.exposed] == [0, 1, 2]
    assert (status.stimulations.fired, status.frames_received) == (1, 2)


@pytest.mark.parametrize(
    ("policy", "outcome", "acquired"), [("stop", "failed", 1), ("go on", "incomplete: lost 1", 2)]
)
def test_what_a_failure_does_is_a_policy(quick, policy, outcome, acquired):
    quick.instruments.faults = {1: "failed"}
    status = quick.end(quick.run(series(3), on_failure=policy))
    assert (status.outcome, status.events_acquired) == (outcome, acquired)
    assert status.errors.last[0].source == "camera"


def test_a_failure_may_have_a_person_look(quick):
    quick.instruments.faults = {1: "failed"}
    run = quick.run(series(3), on_failure="pause")
    assert quick.until(run, "paused").reason == "camera.snap failed"
    run.resume()
    assert quick.end(run).outcome == "complete"


def test_a_plan_is_extended_and_its_future_replaced_while_it_runs(slow):
    run = slow.run(series(3))
    slow.clock.wait_for_waiters()
    assert run.extend(series(2)).events_total == 5
    status = run.replace_future(series(1))
    assert status.events_total == 2
    while not run.join(0.001):
        slow.clock.advance(0.1)
    status = run.status()
    assert (status.outcome, status.events_acquired) == ("complete", 2)
    with pytest.raises(BadInputError, match="can't be changed any more"):
        run.extend(series(1))


def test_an_event_that_waits_for_its_time_is_replaced_too(slow):
    run = slow.run(series(3, 100))
    slow.clock.wait_for_waiters()
    slow.clock.advance(0.01)
    slow.clock.wait_for_waiters()  # event 1 is in hand, and not begun
    status = run.replace_future(series(2, 7))
    assert (status.events_total, status.events_consumed) == (3, 1)
    while not run.join(0.001):
        slow.clock.advance(1)
    assert run.status().events_acquired == 3


def test_draining_is_a_state_that_ends_when_all_is_stored(slow):
    slow.instruments.behind = 3
    run = slow.run(series(1))
    slow.clock.wait_for_waiters()
    slow.clock.advance(0.01)
    slow.until(run, "draining")
    slow.clock.wait_for_waiters()
    slow.clock.advance(3600)
    status = run.status()
    assert (status.state, status.waiting_for) == ("draining", "3 frames to be stored")
    slow.instruments.behind = 0
    slow.clock.advance(1)
    assert slow.end(run).outcome == "complete"


def test_an_acquisition_is_paused_and_goes_on(slow):
    run = slow.run(acquire(5))
    slow.clock.wait_for_waiters()
    slow.clock.advance(0.01)
    slow.clock.wait_for_waiters()
    run.pause()
    slow.until(run, "paused")
    run.resume()
    while not run.join(0.001):
        slow.clock.advance(0.01)
    status = run.status()
    assert (status.outcome, status.frames_received, status.events_acquired) == ("complete", 5, 1)


def test_an_endless_acquisition_is_finished(slow):
    run = slow.run(acquire(None))
    slow.clock.wait_for_waiters()
    run.finish()
    status = slow.end(run)
    assert (status.outcome, status.events_acquired) == ("finished early", 1)


def test_a_bug_in_an_instrument_ends_the_run_in_order(quick):
    def broken(event):
        raise ZeroDivisionError("a bug")

    quick.instruments.on_expose = broken
    status = quick.end(quick.run(series(3)))
    assert (status.outcome, status.reason) == ("failed", "a bug")
    assert not quick.instruments.claimed


def test_many_events_a_second():
    lab = Lab(SYSTEM_CLOCK)
    lab.instruments = MemoryInstruments(SYSTEM_CLOCK, exposure_s=0.0)
    begin = SYSTEM_CLOCK.monotonic_s()
    status = lab.end(lab.run(series(2000, 0)))
    print(f"{2000 / (SYSTEM_CLOCK.monotonic_s() - begin):.0f} events/s")
    assert status.events_acquired == 2000


def test_a_camera_that_somebody_stopped_ends_the_run_and_what_was_forced_is_noted(slow):
    run = slow.run(combine(wait(100), series(1), axis="t"))
    slow.until(run, "waiting")
    slow.instruments.interfered("xy.move", "a shell", "")
    assert run.status().state == "waiting"
    slow.instruments.interfered("camera.stop", "a script", "the camera was stopped from outside by a script")
    status = slow.end(run)
    assert (status.outcome, status.reason) == ("failed", "the camera was stopped from outside by a script")
    assert [(one.command, one.by) for one in status.commands] == [
        ("xy.move", "a shell"),
        ("camera.stop", "a script"),
    ]


CLOSED = Reading(service="door", command="is_closed", equals=True)
DOOR = Interlock(name="door", condition=CLOSED)


PUNCTUAL = Lag(below=50, stale_s=1e6)


def watched_doors(lab, *closed):
    """Return what looks at a door, seldom, and what it has seen; `closed` tells what it is each time."""
    states = iter(closed)

    class Doors:
        lag_ms = staticmethod(lambda: 0.0)
        looks = 0

        def ask(self, asked):
            return None

        def look(self, asked, answer, now_ns):
            self.looks += 1
            return next(states, closed[-1]), now_ns

        def close(self):
            pass

    doors = Doors()
    watch = ConditionWatch(doors, lab.clock, "run")
    return doors, watch, watch.look([SELDOM], 1.0)


SELDOM = Reading(service="door", command="is_closed", equals=True, every_s=3600, stale_s=1e6)


@pytest.mark.parametrize("closed", [True, False])
def test_a_resume_has_interlocks_looked_at_and_goes_by_that(slow, closed):
    doors, watch, facts = watched_doors(slow, True, closed)
    door = Interlock(name="door", condition=SELDOM)
    run = slow.run(series(5), interlocks=(door,), watch=watch, facts=facts)
    slow.clock.wait_for_waiters()  # in the first exposure
    run.pause("look")
    slow.clock.advance(0.02)
    slow.until(run, "paused")
    run.resume()
    assert poll_until(lambda: doors.looks == 2, PATIENCE_S)
    if closed:
        slow.until(run, "running")
        return
    assert poll_until(lambda: run.status().breached, PATIENCE_S)
    status = run.status()
    assert (status.state, status.waiting_for) == ("paused", "")
    assert status.reason == "interlock 'door': door.is_closed is no, and not yes"


def late_by(lag_ms, lab):
    return {PUNCTUAL.key: observed(PUNCTUAL, None, lag_ms, lab.clock.monotonic_ns())}


def acquire_events(lab, run, count):
    """Let the clock go on until so many events are acquired."""
    while run.status().events_acquired < count:
        lab.clock.wait_for_waiters(timeout_s=0.01)
        lab.clock.advance(0.01)


def door_is(closed, lab):
    return {CLOSED.key: observed(CLOSED, None, closed, lab.clock.monotonic_ns())}


def test_an_interlock_aborts_the_exposure_and_the_run_is_not_resumed_before_it_holds_again(slow):
    run = slow.run(series(3), interlocks=(DOOR,), facts=door_is(True, slow))
    slow.clock.wait_for_waiters()  # in the first exposure
    run.observed(door_is(False, slow))
    status = slow.until(run, "paused")
    slow.until_dark()
    told = "interlock 'door': door.is_closed is no, and not yes"
    assert status.reason == told
    assert status.breached == (told,)
    assert status.events_acquired == 0
    with pytest.raises(BadInputError, match=r"stays paused: interlock 'door': door.is_closed is no"):
        run.resume()
    assert run.status().state == "paused"
    assert [command.command for command in run.status().commands] == ["interlock"]
    run.observed(door_is(True, slow))
    assert run.status().state == "paused", "what was breached is resumed by a person"
    slow.clock.advance(0.001)
    status = run.resume()
    assert (status.state, status.breached) == ("paused", ())
    assert status.waiting_for == "another look at interlock 'door', and goes on if that is well"
    run.observed(door_is(True, slow))
    assert run.status().waiting_for == ""
    slow.until(run, "running")
    while run.status().events_acquired < 1:
        run.observed(door_is(True, slow))
        slow.clock.wait_for_waiters(timeout_s=0.01)
        slow.clock.advance(0.01)
    assert [number for number, _ in slow.instruments.exposed][:2] == [0, 0], "the image is taken again"


def test_a_run_that_an_interlock_paused_because_it_was_late_can_be_resumed(slow):
    """How late its last event was stayed so while it was paused: no resume was ever allowed."""
    punctual = Interlock(name="lag", condition=PUNCTUAL)
    run = slow.run(series(5), facts=late_by(0.0, slow), interlocks=(punctual,))
    acquire_events(slow, run, 1)
    slow.clock.advance(1.5)
    acquire_events(slow, run, 2)
    run.observed(late_by(run.lag_ms, slow))
    assert "lag is" in slow.until(run, "paused").reason
    with pytest.raises(BadInputError, match="stays paused: interlock 'lag'"):
        run.resume()
    run.observed(late_by(run.lag_ms, slow))
    run.resume()
    run.observed(late_by(run.lag_ms, slow))
    assert run.status().breached == ()
    acquire_events(slow, run, 3)


@pytest.mark.parametrize("policy", ["shift", "catch up", "skip"])
def test_how_late_a_run_is_after_a_pause_its_next_event_tells(policy):
    late = Timing(origin_ns=0, lag_ms=90.0)
    assert late.resumed(policy, 0, since_ns=10**9, now_ns=2 * 10**9).lag_ms == 0.0


def test_an_interlock_that_ends_a_run_says_which_with_its_value(slow):
    ends = Interlock(name="door", condition=CLOSED, breach="end")
    run = slow.run(series(3), interlocks=(ends,), facts=door_is(True, slow))
    slow.clock.wait_for_waiters()
    run.observed(door_is(None, slow))
    status = slow.end(run)
    assert status.outcome == "failed"
    assert status.reason.startswith("interlock 'door': door.is_closed cannot be told")
    assert not slow.instruments.lit


def test_a_cancel_while_an_interlock_is_breached_is_a_cancel(slow):
    run = slow.run(series(3), interlocks=(DOOR,), facts=door_is(True, slow))
    slow.clock.wait_for_waiters()
    run.observed(door_is(False, slow))
    slow.until(run, "paused")
    run.cancel("enough")
    assert slow.end(run).outcome == "cancelled"
