"""Runs that wait for more at the end of their plan: extended, paused, finished and cancelled there."""

from __future__ import annotations

import logging
import threading

import numpy as np
import pytest

from parfocal.core.clock import poll_until
from parfocal.core.run_status import AWAITS_MORE
from parfocal.runs.engine import RunEngine
from parfocal.runs.instruments.instruments import RunStart
from parfocal.runs.plans.schedule import Schedule
from parfocal.runs.plans.sequence import Sequence
from parfocal.testing.clock import JumpClock
from parfocal.testing.instruments import MemoryInstruments

PATIENCE_S = 30.0
SERIES = Sequence(time_plan={"interval": 10, "loops": 3})


def until(condition, what):
    assert poll_until(condition, PATIENCE_S), f"not: {what}"


@pytest.fixture
def clock():
    return JumpClock()


@pytest.fixture
def instruments(clock):
    return MemoryInstruments(clock)


@pytest.fixture
def run(clock, instruments):
    run = RunEngine(
        RunStart(run="run1", plan={}),
        Schedule(SERIES),
        instruments,
        clock=clock,
        log=logging.getLogger("test"),
        open_ended=True,
    )
    run.start()
    until(lambda: is_at_end(run), "its end")
    yield run
    run.cancel()
    assert run.join(PATIENCE_S)


def is_at_end(run):
    return run.status().waiting_for == AWAITS_MORE


def test_it_waits_in_the_dark_and_goes_on_at_the_pace_of_its_plan(run, clock, instruments):
    assert (run.status().state, run.status().events_acquired) == ("waiting", 3)
    assert not instruments.lit
    clock.wait(threading.Event(), 1000.0)  # the optimiser thinks
    run.extend(SERIES)
    until(lambda: run.status().events_acquired == 6 and is_at_end(run), "the second part")
    begins = np.diff([at_s for _, at_s in instruments.exposed])
    assert begins[[0, 1, 3, 4]] == pytest.approx(10.0, abs=0.1), "no burst after the wait"
    assert begins[2] > 990


def test_finished_there_it_is_complete(run):
    run.finish("enough")
    assert run.join(PATIENCE_S)
    assert (run.status().outcome, run.status().reason) == ("complete", "enough")


def test_cancelled_there_it_is_cancelled(run):
    run.cancel("enough")
    assert run.join(PATIENCE_S)
    assert run.status().outcome == "cancelled"


def test_paused_there_it_is_extended_and_goes_on_when_it_is_resumed(run, instruments):
    run.pause("a look")
    until(lambda: run.status().state == "paused", "the pause")
    run.replace_future(SERIES)
    assert len(instruments.exposed) == 3
    run.resume()
    until(lambda: run.status().events_acquired == 6 and is_at_end(run), "the second part")


def test_what_it_is_given_in_a_pause_begins_when_it_is_resumed(run, clock, instruments):
    run.pause("a look")
    until(lambda: run.status().state == "paused", "the pause")
    clock.wait(threading.Event(), 1000.0)
    run.extend(SERIES)
    clock.wait(threading.Event(), 100.0)
    resumed_s = clock.monotonic_ns() * 1e-9
    run.resume()
    until(lambda: run.status().events_acquired == 6 and is_at_end(run), "the second part")
    assert instruments.exposed[3][1] - resumed_s == pytest.approx(0.0, abs=1.0), "nothing was due before"


def test_finished_in_the_middle_of_its_plan_it_is_finished_early(run, instruments):
    instruments.on_expose = lambda event: event.number == 4 and run.finish("enough")
    run.extend(SERIES)
    assert run.join(PATIENCE_S)
    assert (run.status().outcome, run.status().events_acquired) == ("finished early", 5)
