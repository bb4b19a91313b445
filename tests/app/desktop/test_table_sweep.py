"""Which sweep a person is to look at."""

from __future__ import annotations

from parfocal.app.desktop.table_sweep import TableSweep, newest_sweep
from parfocal.core.run_status import RunCommand, RunStatus


def swept(run, sweep, state):
    """Return a run that has made tables."""
    details = {"arguments": {"sweep": sweep}, "result": {"beads": [1]}}
    return RunStatus(
        run=run, state=state, commands=(RunCommand(command="tracker.sweep_tables", at=0.0, details=details),)
    )


def test_the_newest_whose_run_has_ended_as_a_run_that_goes_on_holds_the_tracker():
    runs = {"a": swept("a", "first", "ended"), "b": swept("b", "second", "draining")}
    assert newest_sweep(runs, "tracker") == TableSweep("first", {"beads": [1]})
    runs["b"] = swept("b", "second", "ended")
    assert newest_sweep(runs, "tracker") == TableSweep("second", {"beads": [1]})
    assert newest_sweep(runs, "another") is None
