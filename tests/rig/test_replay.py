"""A run decided once more from its record: the same decisions, whatever the order in which results come."""

from __future__ import annotations

import shutil
import threading

import msgspec
import numpy as np
import pyarrow.parquet as pq
import pytest

import parfocal
from parfocal.core.errors import BadInputError
from parfocal.rig.replay import replay
from parfocal.rig.replay.replay_clock import FOREVER_S, ReplayClock
from parfocal.runs import Pipeline, Sequence, Step
from parfocal.storage import read_manifest
from parfocal.storage.manifest import write_manifest

PATIENCE_S = 240.0
CELLS = "parfocal.analysis.cells."
TIME_POINTS, POSITIONS = 10, [(-180.0, 60.0, 0.0), (170.0, -40.0, 0.0)]


SLOWLY = Step(call="parfocal.testing.steps:even_after", settings={"seconds": 0.1})


def pipeline(**more):
    steps = {"choose": Step(call=CELLS + "choosing:every", settings={"k": 2})} | more
    return Pipeline(
        segment=CELLS + "segment:otsu",
        track=Step(call=CELLS + "linking:NearestLinker", settings={"search_px": 12.0}),
        features=Step(call=CELLS + "measure:measure", settings={"ring_px": 4.0}),
        stimulate=CELLS + "masks:cells",
        channel="nucleus",
        **steps,
    )


PLAN = Sequence(
    time_plan={"interval": 0.0, "loops": TIME_POINTS},
    stage_positions=POSITIONS,
    channels=["nucleus"],
    stim_channels=["stimulation"],
    stim_frames="all",
    stim_exposure=5.0,
    stim_power=0.5,
)


def test_the_clock_lets_time_pass_at_once_and_waits_for_who_is_waited_for_without_end():
    clock = ReplayClock(5)
    event = threading.Event()
    assert clock.wait(event, 3600.0) is False
    assert clock.monotonic_ns() == 5 + 3600 * 10**9
    clock.reach(7)
    assert clock.monotonic_ns() == 5 + 3600 * 10**9
    clock.reach(4000 * 10**9)
    assert clock.monotonic_ns() == 4000 * 10**9
    threading.Timer(0.01, event.set).start()
    assert clock.wait(event, FOREVER_S) is True
    assert clock.monotonic_ns() == 4000 * 10**9


def test_what_is_no_run_with_decisions_is_refused(tmp_path):
    with pytest.raises(BadInputError):
        replay(tmp_path)


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    """Return a run in which every mask was there, and one in which many were late."""
    folder = tmp_path_factory.mktemp("runs")
    found = {}
    with parfocal.open_rig("optogenetics", name="replayed") as rig:
        rig["modulator"].calibrate(timeout_s=PATIENCE_S)
        for name, loop in {
            "in time": pipeline(deadline_s=60.0, late="abort", queue=64),
            "late": pipeline(deadline_s=0.03, late="previous", queue=1, choose=SLOWLY),
        }.items():
            status = rig.run(PLAN, pipeline=loop, folder=folder, notes={"kind": name}).wait(PATIENCE_S)
            found[name] = parfocal.open_run(status.folder)
        for name, modes in {
            "in two parts": ("current",) * 2,
            "in two modes": ("current", "previous"),
        }.items():
            goes_on = ""
            for mode in modes:
                how = {"pipeline": pipeline(deadline_s=60.0, late="hold"), "stim_mode": mode}
                status = rig.run(PLAN, folder=folder, continues=goes_on, **how).wait(PATIENCE_S)
                goes_on = status.run
            found[name] = parfocal.open_run(status.folder)
    return found


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", ["in time", "late"])
def test_the_decisions_are_the_same_with_one_and_four_workers_in_any_order(records, name):
    run = records[name]
    asked = TIME_POINTS * len(POSITIONS)
    for how in ({"workers": 1}, {"workers": 4}, {"workers": 4, "seed": 1}, {"workers": 4, "seed": 2}):
        found = replay(run.folder, **how)
        assert found.differences == ()
        assert found.stimuli + found.left_out == asked == len(run.stimulations())
        assert found.stimuli == asked
    assert (found.late > 0) == (name == "late")
    if name == "late":
        hashes = run.stimulations()["mask_hash"]
        assert np.count_nonzero(hashes) > 0


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_run_that_went_on_is_decided_by_one_mode_or_refused(records):
    found = replay(records["in two parts"].folder)
    assert (found.stimuli, found.differences) == (2 * TIME_POINTS * len(POSITIONS), ())
    with pytest.raises(BadInputError, match=r"phase 1 of .* had another pipeline or stim_mode"):
        replay(records["in two modes"].folder)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_run_that_ended_before_its_first_decision_is_refused(records, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(records["in time"].folder, copy)
    for part in (copy / "stimulations").glob("*.parquet"):
        pq.write_table(pq.read_table(part)[:0], part)
    with pytest.raises(BadInputError, match="before a stimulus was decided on"):
        replay(copy)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_other_steps_decide_otherwise_and_that_is_told(records, tmp_path):
    run = records["in time"]
    copy = tmp_path / "copy"
    shutil.copytree(run.folder, copy)
    manifest = read_manifest(copy)
    notes = {**manifest.plan_notes}
    notes["pipeline"] = {
        **notes["pipeline"],
        "choose": {"call": CELLS + "choosing:every", "settings": {"k": 3}},
    }
    write_manifest(copy, msgspec.structs.replace(manifest, plan_notes=notes))
    found = replay(copy)
    assert not found.same
    assert all("mask_hash" in told for told in found.differences)
