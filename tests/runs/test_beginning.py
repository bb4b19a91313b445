"""A run between its making and its start: it is found by others already, and so it is started or ended."""

from __future__ import annotations

import logging
from contextlib import ExitStack
from types import SimpleNamespace

import pytest

from parfocal.core.clock import SYSTEM_CLOCK
from parfocal.core.errors import ConfigError
from parfocal.processes import RIG_GONE
from parfocal.runs.engine import RunEngine
from parfocal.runs.instruments.instruments import RunStart
from parfocal.runs.lifetimes import RunLifetimes
from parfocal.runs.plans.schedule import Schedule
from parfocal.runs.plans.sequence import Sequence
from parfocal.runs.run_table import KnownRun, RunTable
from parfocal.testing.instruments import MemoryInstruments

LONG_S = 60.0


@pytest.fixture
def run():
    engine = RunEngine(
        RunStart(run="scan", plan={}),
        Schedule(Sequence(time_plan={"interval": 0, "loops": 3})),
        MemoryInstruments(SYSTEM_CLOCK),
        clock=SYSTEM_CLOCK,
        log=logging.getLogger("test beginning"),
    )
    return KnownRun(engine, None)


def lifetimes(run, keep=lambda _: None, ending="", **hold):
    """Return those of a table whose run is about to be started."""
    runs = RunTable()
    runs.add("scan", run)
    context = SimpleNamespace(publish=lambda *_: None, stop_reason=lambda: ending)
    return RunLifetimes(context, runs, SimpleNamespace(keep=keep), **hold)


def test_a_run_of_which_the_disk_does_not_take_that_it_goes_on_ends_and_does_not_block_others(run):
    def full(_):
        raise OSError("no space left")

    begins = lifetimes(run, full)
    with pytest.raises(OSError, match="no space left"):
        begins.begin(run, "started")
    assert run.control.join(LONG_S)
    assert (run.status().outcome, run.goes_on) == ("failed", False), "nobody has cancelled it"
    assert "no space left" in run.status().reason


@pytest.mark.parametrize(("ending", "outcome"), [("the rig ends", "cancelled"), (RIG_GONE, "failed")])
def test_a_run_that_is_made_while_the_rig_is_made_safe_exposes_nothing(run, ending, outcome):
    status = lifetimes(run, ending=ending).begin(run, "started")
    assert run.control.join(LONG_S)
    assert status.run == "scan"
    assert (run.status().outcome, run.status().reason) == (outcome, ending)
    assert run.engine._instruments.exposed == []


def test_a_run_that_cannot_hold_what_it_is_to_hold_ends_and_exposes_nothing(run):
    def refuse():
        raise ConfigError("runs.keep_awake: this user may not")

    with pytest.raises(ConfigError, match="may not"):
        lifetimes(run, hold=refuse).begin(run, "started")
    assert run.control.join(LONG_S)
    assert (run.status().outcome, run.goes_on) == ("failed", False)
    assert "may not" in run.status().reason
    assert run.engine._instruments.exposed == []


def test_what_a_run_holds_is_let_go_of_also_where_it_was_cancelled_before_its_start(run):
    with ExitStack() as held:
        left = []
        held.callback(left.append, "left")
        run.control.cancel("not wanted")
        lifetimes(run, hold=held.pop_all).begin(run, "started")
        assert run.control.join(LONG_S)
        assert left == ["left"]
