"""Runs that are cut short by kills, and completed: each index once, no stimulus twice, nothing lost."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import psutil
import pytest

import parfocal
from parfocal.core.clock import SYSTEM_CLOCK
from parfocal.core.errors import BadInputError
from parfocal.core.event_kinds import EVENT_KINDS
from parfocal.devices.simulated.microscope.sample import shared_sample
from parfocal.processes import directory
from parfocal.rig.recovering import recover, status_of_killed

from .recovered_runs import (
    EVENTS,
    PATIENCE_S,
    answered,
    check_whole,
    chunks,
    folder_once,
    is_lit,
    kill_all,
    last_change_ns,
    owner,
    pulses,
    until,
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
DARK_WITHIN_S = 30.0


def test_a_killed_script_leaves_a_run_in_the_dark_that_is_completed_later(tmp_path):
    with owner(tmp_path) as program:
        folder = folder_once(8)
        sample = shared_sample(directory.shm_folder("optogenetics"), "world")
        program.kill()
        begin_ns = SYSTEM_CLOCK.monotonic_ns()
        until(lambda: not directory.runtime_folder("optogenetics").exists(), "the end of all its processes")
        assert last_change_ns(sample) - begin_ns < DARK_WITHIN_S * 1e9
    assert not is_lit(sample)
    killed = parfocal.open_run(folder).manifest
    assert killed.seen in ("failed", "unknown: not closed"), "nobody has cancelled or finished it"
    assert "is gone" in killed.reason or killed.seen != "failed"
    before = chunks(folder)
    settled = status_of_killed(folder, killed).recovery.settled
    with recover(folder) as found:
        assert found.report.refused == ""
        assert 0 < found.report.events_done < EVENTS
        answered(found.complete())
        fired = pulses(found.rig["world"].light_log())
    record = check_whole(folder, before)
    assert f"phase 1 was {killed.seen!r}" in record.manifest.reason
    again = record.events()
    left = (again["number"] >= found.report.first) & ~np.isin(again["number"], list(settled))
    stimuli = again["kind"] == EVENT_KINDS.index("stimulus")
    assert len(fired) == np.count_nonzero(left & stimuli), "those that were left, each once, and none before"


def test_everything_is_killed_at_once_and_again_while_it_is_recovered(tmp_path):
    with owner(tmp_path) as program:
        folder = folder_once(6)
        kill_all(psutil.Process(program.pid))
    assert parfocal.open_run(folder).outcome == "unknown: not closed"
    before = chunks(folder)
    command = [sys.executable, "-m", "parfocal", "recover", str(folder), "--json"]
    done = status_of_killed(folder, parfocal.open_run(folder).manifest).recovery.counts.acquired
    with subprocess.Popen(
        [*command, "--yes"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as program:
        assert folder_once(done + 3) == folder
        kill_all(psutil.Process(program.pid))
    before = before | chunks(folder)
    with subprocess.Popen([*command, "--yes"], stdout=subprocess.PIPE, text=True) as program:
        folder_once(EVENTS)
        with parfocal.attach("optogenetics") as rig:
            rig.runs["first"].confirm()
        told, _ = program.communicate(timeout=PATIENCE_S)
    status = json.loads(told.splitlines()[-1])
    record = check_whole(folder, before)
    assert (status["outcome"], len(record.manifest.phases)) == (record.outcome, 2)
    assert program.returncode == (0 if record.outcome == "complete" else 3)
    with recover(folder) as found:
        assert found.is_complete
        with pytest.raises(BadInputError, match="nothing of it is left"):
            found.complete()


def test_what_is_no_run_is_told(tmp_path):
    with pytest.raises(BadInputError, match="is not the folder of a run"):
        recover(tmp_path)
    with pytest.raises(BadInputError, match="there is no folder"):
        recover(tmp_path / "nowhere")
