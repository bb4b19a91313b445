"""A run that is prepared is started or dropped: once, whoever asks first, and never forgotten."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule

from parfocal.core.errors import BadInputError, RunNotFoundError
from parfocal.core.run_status import RunStatus
from parfocal.runs.machine.states import TABLE
from parfocal.runs.run_table import MOST_PREPARED, KnownRun, RunTable


class FakeEngine:
    """A run that goes on until it is ended."""

    def __init__(self, name):
        self.name, self.parent, self.has_ended = name, "", False

    def status(self):
        return RunStatus(run=self.name, state="ended" if self.has_ended else "running")


def prepared(name):
    return KnownRun(None, None, RunStatus(run=name, state="prepared"), object())  # type: ignore[arg-type]


def started(name):
    return KnownRun(FakeEngine(name), None)  # type: ignore[arg-type]


class Preparing(RuleBasedStateMachine):
    """Several people prepare, start and drop runs: `expected` tells what becomes of each."""

    runs = Bundle("runs")

    def __init__(self):
        super().__init__()
        self.table, self.expected = RunTable(), {}

    @rule(target=runs, name=st.sampled_from(["", "a", "b"]))
    def prepare(self, name):
        try:
            chosen = self.table.new_name(name)
        except BadInputError:
            assert self.expected[name] in ("prepared", "running")
            return multiple()
        self.table.prepare(chosen, run := prepared(chosen))
        self.expected[chosen] = "prepared"
        return chosen, run

    @rule(asked=runs)
    def start(self, asked):
        """Start what was found prepared some time ago: others may have been quicker."""
        name, known = asked
        if self.table.find(name) is known:
            self.table.start(name, known, started(name))
            self.expected[name] = "running"
        else:
            with pytest.raises(BadInputError, match="cancelled before it was started"):
                self.table.start(name, known, started(name))

    @rule(asked=runs)
    def cancel(self, asked):
        name, _ = asked
        dropped = self.table.drop(name, "not today", 5.0)
        assert (dropped is not None) == (self.expected[name] == "prepared")
        if dropped is not None:
            assert (dropped.state, dropped.outcome, dropped.reason) == ("ended", "cancelled", "not today")
            self.expected[name] = "ended"

    @rule(asked=runs)
    def end(self, asked):
        name, _ = asked
        engine = self.table.find(name).engine
        if engine is not None:
            engine.has_ended = True  # type: ignore[misc]
            self.expected[name] = "ended"

    @invariant()
    def each_is_where_it_was_put(self):
        assert {name: status.state for name, status in self.table.statuses().items()} == self.expected
        assert self.table.prepared() == [n for n, s in self.table.statuses().items() if s.state == "prepared"]
        going_on = {run.status().run for run in self.table.going_on()}
        assert going_on == {name for name, state in self.expected.items() if state == "running"}

    @invariant()
    def a_prepared_run_is_steered_by_start_and_cancel_alone(self):
        for name in self.table.prepared():
            with pytest.raises(BadInputError, match="is prepared, and was not started"):
                self.table.engine(name)


TestPreparing = Preparing.TestCase


def test_so_many_are_prepared_and_no_more():
    table = RunTable()
    for number in range(MOST_PREPARED):
        table.prepare(str(number), prepared(str(number)))
    with pytest.raises(BadInputError, match="start or cancel some"):
        table.prepare("more", prepared("more"))
    assert table.drop("0", "", 1.0) is not None
    table.prepare("more", prepared("more"))
    with pytest.raises(RunNotFoundError):
        table.drop("none", "", 1.0)


def test_prepared_runs_outlive_the_memory_of_those_that_ended():
    table = RunTable()
    table.prepare("first", prepared("first"))
    for number in range(3 * MOST_PREPARED):
        table.add(str(number), KnownRun(None, None, RunStatus(run=str(number), state="ended")))
    assert table.prepared() == ["first"]
    assert len(table.statuses()) <= MOST_PREPARED + 1


def test_a_prepared_run_begins_or_ends():
    assert TABLE["prepared"] == {"pending", "ended"}
    assert not any("prepared" in following for following in TABLE.values())
