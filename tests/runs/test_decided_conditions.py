"""What a condition came to is on the disk before anything follows from it: a recovery does the same."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from parfocal.runs import Lag, Sequence, combine, start_when, stop_when
from parfocal.runs.conditions.judging import observed
from parfocal.runs.engine import RunEngine
from parfocal.runs.instruments.instruments import RunStart
from parfocal.runs.journal import RunJournal
from parfocal.runs.journal_entries import Began, DecidedCondition, Settled
from parfocal.runs.journal_file import JournalFile, encoded, read_journal
from parfocal.runs.plans.plan_data import plan_to_data
from parfocal.runs.plans.schedule import Schedule
from parfocal.runs.recovery.journalled_run import journalled
from parfocal.runs.recovery.recovery import recovery_of
from parfocal.testing.clock import JumpClock
from parfocal.testing.instruments import MemoryInstruments

LOG = logging.getLogger("test decided conditions")
PATIENCE_S = 30.0
FRAMES = np.dtype([(name, "<i8") for name in ("t", "p", "c", "z", "frame", "time_ns", "exposure_ns")])
QUICK = Lag(below=5, stale_s=1e6)
SERIES = Sequence(time_plan={"interval": 10, "loops": 4})
ONE = Sequence()


def whole(conditional):
    return combine(ONE, conditional, ONE, axis="t")


PLANS = {
    "skip": whole(start_when(QUICK, SERIES, timeout_s=1, otherwise="skip")),
    "go on": whole(start_when(QUICK, SERIES, timeout_s=1, otherwise="go on")),
    "end": whole(start_when(QUICK, SERIES, timeout_s=1, otherwise="end")),
    "cut short": whole(stop_when(QUICK, SERIES, timeout_s=15, otherwise="skip")),
}


def carried_out(plan, folder, *, lag_ms, recovery=None):
    """Return an engine that has ended, while the lag was always so."""
    clock = JumpClock()
    first = 0 if recovery is None else recovery.first
    began = Began(run="run1", at=0.0, plan={} if recovery else plan_to_data(plan), first=first)
    journal = RunJournal(began, LOG)
    more = {}
    if recovery is not None:
        journal.adopt(recovery, lambda _: None)
        more = {"recovery": recovery, "done": recovery.counts}
    run = RunEngine(
        RunStart(run="run1", plan={}),
        Schedule(plan),
        MemoryInstruments(clock, folder=str(folder)),
        clock=clock,
        log=LOG,
        journal=journal,
        facts={QUICK.key: observed(QUICK, None, lag_ms, clock.monotonic_ns())},
        **more,
    )
    run.start()
    assert run.join(PATIENCE_S)
    return run


def found(folder):
    """Return how a run stands of which all frames are stored that it has acquired."""
    run = journalled(read_journal(folder).entries, "")
    rows = run.rows
    rows = rows[(rows["outcome"] == 0) & (rows["t"] >= 0)]
    frames = np.zeros(len(rows), FRAMES)
    for axis in "tpcz":
        frames[axis] = rows[axis]
    return recovery_of(run, frames)


def outcomes(folder):
    """Return what became of each event, by number."""
    rows = journalled(read_journal(folder).entries, "").rows
    return dict(zip(rows["number"].tolist(), rows["outcome"].tolist(), strict=True))


def killed_after(entries, folder):
    folder.mkdir()
    file = JournalFile(folder)
    file.append([encoded(entry) for entry in entries])
    file.close()
    return folder


@pytest.mark.parametrize("name", PLANS)
def test_killed_anywhere_after_a_decision_a_run_does_what_was_decided(tmp_path, name):
    plan = PLANS[name]
    (tmp_path / "whole").mkdir()
    first = carried_out(plan, tmp_path / "whole", lag_ms=900.0)
    entries = read_journal(tmp_path / "whole").entries
    decided = next(at for at, entry in enumerate(entries) if isinstance(entry, DecidedCondition))
    for at in range(decided + 1, len(entries)):
        folder = killed_after(entries[:at], tmp_path / f"killed{at}")
        recovery = found(folder)
        assert recovery.left == recovery.total - recovery.first - len(recovery.settled)
        second = carried_out(plan, folder, lag_ms=1.0, recovery=recovery)  # it holds by now: too late
        assert outcomes(folder) == outcomes(tmp_path / "whole"), f"killed after entry {at}"
        assert second.status().outcome == first.status().outcome
        assert second.counts.dropped == first.counts.dropped
        assert second.counts.acquired == first.counts.acquired


def test_a_condition_by_which_a_run_has_failed_is_asked_for_again(tmp_path):
    plan = whole(start_when(QUICK, SERIES, timeout_s=1, otherwise="fail"))
    first = carried_out(plan, tmp_path, lag_ms=900.0)
    assert (first.status().outcome, first.counts.acquired) == ("failed", 2)
    second = carried_out(plan, tmp_path, lag_ms=1.0, recovery=found(tmp_path))
    assert (second.status().outcome, second.counts.acquired) == ("complete", len(Schedule(plan)))


def test_an_image_whose_frame_was_lost_is_taken_again_though_later_ones_were_left_out(tmp_path):
    plan = PLANS["cut short"]
    whole_run = carried_out(plan, tmp_path, lag_ms=900.0)
    run = journalled(read_journal(tmp_path).entries, "")
    rows = run.rows
    rows = rows[(rows["outcome"] == 0) & (rows["t"] >= 0)][[*"tpcz"]]
    frames = np.zeros(len(rows) - 2, FRAMES)  # those of the last image before it was cut short are gone
    for axis in "tpcz":
        frames[axis] = np.delete(rows[axis], [1, 2])
    recovery = recovery_of(run, frames)
    assert recovery.repeated == (1, 2)
    again = carried_out(plan, tmp_path, lag_ms=1.0, recovery=recovery)
    assert again.counts.dropped == whole_run.counts.dropped
    assert again.counts.acquired == whole_run.counts.acquired


def test_a_decision_is_on_the_disk_before_an_event_is_left_out(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(JournalFile, "sync", lambda file: synced.append(read_journal(tmp_path).entries))
    carried_out(PLANS["skip"], tmp_path, lag_ms=900.0)
    kept = next(entries for entries in synced if any(isinstance(one, DecidedCondition) for one in entries))
    done = [one.number for one in kept if isinstance(one, Settled)]
    assert done == [0, 1], "the image before the condition, and the condition"
