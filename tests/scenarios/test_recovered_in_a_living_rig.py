"""Runs whose services are killed in a rig that lives on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

import parfocal
from parfocal.core.clock import SYSTEM_CLOCK
from parfocal.core.errors import BadInputError, CommandError, RunFailedError
from parfocal.core.event_kinds import EVENT_KINDS
from parfocal.rig.opening import open_rig
from parfocal.rig.recovering import recover
from parfocal.runs import Pipeline, Sequence, Step, combine, confirm

from .recovered_runs import (
    EVENTS,
    PATIENCE_S,
    PLACES,
    PLAN,
    STIMULI,
    answered,
    check_whole,
    chunks,
    is_under_way,
    pulses,
    recovered,
    until,
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture
def lab(tmp_path):
    """A rig that lives while its services are killed; each test's own: what dies too often is given up."""
    changes = {"recorder.folder": str(tmp_path / "runs")}
    with open_rig("optogenetics", changes=changes) as rig:
        yield rig


def killed(rig, *services):
    """Kill services at once, and return when their rig knows: only then does it say when they are back."""
    pids = {service: rig.status().services[service].pid for service in services}
    for pid in pids.values():
        os.kill(pid, signal.SIGKILL)
    until(lambda: all(rig.status().services[name].pid != pid for name, pid in pids.items()), "the deaths")


def all_ready(rig):
    return all(one.state == "ready" for one in rig.status().services.values())


@pytest.mark.parametrize("services", [["runs"], ["runs", "recorder"]], ids="-".join)
def test_a_run_goes_on_after_the_death_of_its_engine_in_the_rig_that_lives(lab, services):
    since_ns = SYSTEM_CLOCK.monotonic_ns()
    handle = lab.run(PLAN, name="first")
    is_under_way(handle)
    folder = Path(handle.status().folder)
    with pytest.raises(BadInputError, match=r"run 'first' in .* goes on"):
        lab.runs.recovery(folder)
    with pytest.raises(BadInputError, match=r"run 'first' in .* goes on"):
        recover(folder)
    killed(lab, *services)
    with pytest.raises(RunFailedError, match="died at event"):
        handle.wait(PATIENCE_S)
    until(lambda: all_ready(lab), "the restart")
    until(lambda: parfocal.open_run(folder).outcome == "failed", "the end of the record")
    before = chunks(folder)
    report = lab.runs.recovery(folder)
    assert (report.run, report.differences, report.refused) == ("first", (), "")
    status = answered(lab.runs.recover(folder))
    assert (status.run, status.folder) == ("first", str(folder))
    record = check_whole(folder, before)
    fired = pulses(lab["world"].light_log(since_ns))
    assert STIMULI - len(report.unsure) <= len(fired) <= STIMULI
    assert len(record.manifest.phases) == 1


def check_counted(status):
    """A run whose engine died tells what became of its events."""
    dropped = sum(status.events_dropped.values())
    assert status.events_total == EVENTS
    assert 0 < status.events_acquired < EVENTS
    assert status.events_consumed == status.events_acquired + dropped
    assert dropped == status.stimulations.unsure <= 1
    assert status.frames_received + status.stimulations.fired == status.frames_stored > 0


def test_another_plan_goes_on_with_a_run_whose_engine_has_died(lab):
    handle = lab.run(PLAN, name="first")
    is_under_way(handle)
    killed(lab, "runs")
    with pytest.raises(RunFailedError, match="died at event"):
        handle.wait(PATIENCE_S)
    until(lambda: all_ready(lab), "the restart")
    check_counted(handle.status())
    one = Sequence(stage_positions=PLACES, channels=["nucleus"])
    status = lab.run(one, continues="first").wait(PATIENCE_S)
    numbers = parfocal.open_run(status.folder).events()["number"]
    assert sorted(numbers.tolist()) == list(range(len(numbers)))
    assert status.events_total == len(numbers)


@pytest.mark.parametrize("service", ["camera", "recorder", "modulator", "stimulation", "xy"])
def test_a_run_completes_itself_when_an_instrument_is_killed(lab, service):
    since_ns = SYSTEM_CLOCK.monotonic_ns()
    handle = lab.run(PLAN, name="first")
    is_under_way(handle)
    killed(lab, service)
    status = answered(handle)
    assert status.events_acquired + sum(status.events_dropped.values()) == EVENTS
    assert set(status.events_dropped) <= {"unsure", "lost"}
    fired = pulses(lab["world"].light_log(since_ns))
    assert STIMULI - status.stimulations.unsure <= len(fired) <= STIMULI
    until(lambda: all_ready(lab), "the restart")


def test_what_differs_is_told_before_anything_is_done(lab, tmp_path):
    handle = lab.run(PLAN, name="first")
    is_under_way(handle)
    handle.cancel("enough for now")
    folder = Path(handle.wait(PATIENCE_S).folder)
    lab["modulator"].calibrate()
    command = [sys.executable, "-m", "parfocal", "recover", str(folder), "--check", "--json"]
    told = subprocess.run(command, capture_output=True, text=True, check=True)
    report = json.loads(told.stdout.splitlines()[-1])
    assert (report["outcome"], report["run"], report["events_total"]) == ("cancelled", "first", EVENTS)
    refused = subprocess.run(
        command[:-2], capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False
    )
    assert refused.returncode == 2
    assert "complete it with --yes" in refused.stdout
    assert parfocal.open_run(folder).outcome == "cancelled", "a look changes nothing"
    with recover(folder) as found:
        assert found.rig.name == lab.name
        assert any(
            "modulator is not calibrated, and is calibrated with" in line for line in found.differences
        )
        status = answered(found.complete())
        assert report["differences"] == list(found.differences)
    assert status.events_acquired + sum(status.events_dropped.values()) == EVENTS
    assert recovered(check_whole(folder)).details["differences"] == list(found.differences)
    assert np.isfinite(parfocal.open_run(folder).events()["time_ns"]).all()


def test_cells_keep_their_numbers_when_a_run_with_a_pipeline_goes_on(lab):
    cells = "parfocal.analysis.cells."
    pipeline = Pipeline(
        segment=cells + "segment:otsu",
        features=cells + "measure:measure",
        track=Step(call=cells + "linking:NearestLinker", settings={"search_px": 15.0}),
    )
    half = Sequence(time_plan={"interval": 0.2, "loops": 4}, channels=["nucleus"])
    handle = lab.run(combine(half, confirm("go on?"), half, axis="t"), name="cells", pipeline=pipeline)
    until(lambda: handle.status().question, "the question")
    folder = Path(handle.status().folder)
    until(lambda: set(parfocal.open_run(folder).tracks()["t"]) == set(range(4)), "the analysis")
    killed(lab, "runs")
    with pytest.raises(RunFailedError, match="died at event"):
        handle.wait(PATIENCE_S)
    until(lambda: all_ready(lab), "the restart")
    status = answered(lab.runs.recover(folder))
    assert (status.outcome, status.events_acquired) == ("complete", 9), status.reason
    tracks = parfocal.open_run(folder).tracks()
    before, after = (set(tracks["particle"][tracks["t"] == t].tolist()) for t in (3, 4))
    assert len(before & after) > 0.8 * len(before), "the linker would number its cells anew"
    cells_of = [tracks["label"][tracks["t"] == t].tolist() for t in range(8)]
    assert all(labels and len(set(labels)) == len(labels) for labels in cells_of), "each cell once"


def test_stimuli_whose_rows_went_with_engine_and_recorder_are_told_of_all_the_same(lab):
    cells = "parfocal.analysis.cells."
    pipeline = Pipeline(segment=cells + "segment:otsu", stimulate=cells + "masks:cells", late="hold")
    lab["modulator"].calibrate(timeout_s=PATIENCE_S)
    handle = lab.run(PLAN, name="lit", pipeline=pipeline)
    is_under_way(handle)
    killed(lab, "runs", "recorder")
    with pytest.raises(RunFailedError, match="died at event"):
        handle.wait(PATIENCE_S)
    until(lambda: all_ready(lab), "the restart")
    folder = Path(handle.status().folder)
    until(lambda: parfocal.open_run(folder).outcome == "failed", "the end of the record")
    newest = sorted(parfocal.open_run(folder).streams("rows")["stimulations"].iterdir())[-1:]
    for part in newest:
        part.unlink()  # as if the recorder had died before it came to them
    status = answered(lab.runs.recover(folder))
    record = parfocal.open_run(folder)
    events, stimuli = record.events(), record.stimulations()
    is_stimulus = events["kind"] == EVENT_KINDS.index("stimulus")
    assert sorted(stimuli["number"].tolist()) == sorted(events["number"][is_stimulus].tolist())
    assert len(stimuli) == STIMULI == status.stimulations.fired + status.stimulations.unsure


def test_cells_of_a_stimulus_that_may_have_been_fired_have_a_dose_that_nobody_knows(lab):
    cells = "parfocal.analysis.cells."
    pipeline = Pipeline(
        segment=cells + "segment:otsu",
        track=Step(call=cells + "linking:NearestLinker", settings={"search_px": 15.0}),
        stimulate=cells + "masks:cells",
        late="hold",
        save=("labels", "tracks"),
    )
    lab["modulator"].calibrate(timeout_s=PATIENCE_S)
    light = {"config": "stimulation", "exposure": 1500}
    plan = Sequence(
        time_plan={"interval": 0, "loops": 4},
        channels=["nucleus"],
        stim_channels=[light],
        stim_frames="all",
    )
    log = lab["world"].light_log
    before = len(pulses(log()))
    handle = lab.run(plan, name="lit", pipeline=pipeline)
    until(lambda: handle.status().events_acquired >= 3, "the image of the second time point")
    until(lambda: len(pulses(log())) == before + 2, "the light of its stimulus")
    killed(lab, "runs")
    with pytest.raises(RunFailedError, match="died at event 3"):
        handle.wait(PATIENCE_S)
    until(lambda: all_ready(lab), "the restart")
    folder = Path(handle.status().folder)
    status = answered(lab.runs.recover(folder))
    assert status.stimulations.unsure == 1, status
    record = parfocal.open_run(folder)
    stimuli, doses = record.stimulations(), record.doses()
    (row,) = stimuli[stimuli["number"] == 3]
    assert (row["image_event"], row["frame"] >= 0, np.isnan(row["power"])) == (2, True, True)
    unsure, earlier = (doses[doses["number"] == number] for number in (3, 1))
    assert np.isnan(unsure["dose"]).all()
    assert len(set(unsure["label"].tolist())) == len(unsure) > 0, "each cell once"
    same = set(unsure["particle"].tolist()) & set(earlier["particle"].tolist())
    assert len(same) > 0.8 * len(earlier) > 0, "the cells of its image, which may not be in the tracks yet"


def test_a_time_point_that_was_cut_between_two_channels_is_not_analysed_with_one(lab):
    cells = "parfocal.analysis.cells."
    pipeline = Pipeline(
        segment=cells + "segment:otsu",
        features=cells + "measure:measure",
        choose=Step(call=cells + "choosing:brightest", settings={"column": "mean_cytoplasm", "count": 5}),
        stimulate=cells + "masks:cells",
        channel="nucleus",
        late="hold",
    )
    lab["modulator"].calibrate(timeout_s=PATIENCE_S)
    plan = Sequence(
        time_plan={"interval": 0, "loops": 4},
        channels=["cytoplasm", {"config": "nucleus", "exposure": 1000}],
        stim_channels=[{"config": "stimulation", "exposure": 20}],
        stim_frames="all",
    )
    handle = lab.run(plan, name="cut", pipeline=pipeline)
    until(lambda: handle.status().events_acquired >= 4, "the first channel of the second time point")
    killed(lab, "runs")
    with pytest.raises(RunFailedError, match="died at event 4"):
        handle.wait(PATIENCE_S)
    until(lambda: all_ready(lab), "the restart")
    folder = Path(handle.status().folder)
    status = answered(lab.runs.recover(folder))
    assert status.errors.count == 0, status.errors
    assert "1 time point was not analysed" in status.reason
    record = parfocal.open_run(folder)
    stimuli = record.stimulations()
    assert sorted(stimuli["t"][stimuli["image_event"] >= 0].tolist()) == [0, 2, 3]
    assert record.frames("camera").missing == [{"t": 1, "p": 0, "c": 2, "z": 0}], "its stimulus alone"


def disk_is_quick_again(rig):
    with suppress(CommandError):  # the dead engine claims the recorder still, or it is busy
        rig["recorder"].inject_fault("free")
        return True
    return False


def test_a_run_that_was_killed_when_all_was_done_is_closed_alone(lab):
    lab["recorder"].inject_fault("slow disk", {"seconds": 5.0})
    plan = Sequence(time_plan={"interval": 0, "loops": 3}, channels=["nucleus"])
    handle = lab.run(plan, name="drained")
    until(lambda: handle.status().state == "draining", "the end of the last event")
    killed(lab, "runs")
    until(lambda: disk_is_quick_again(lab), "the end of the fault")
    with pytest.raises(RunFailedError, match="died at event"):
        handle.wait(PATIENCE_S)
    until(lambda: all_ready(lab), "the restart")
    folder = Path(handle.status().folder)
    until(lambda: parfocal.open_run(folder).outcome == "failed", "the end of the record")
    with recover(folder) as found:
        assert (found.outcome, found.report.events_left, found.is_complete) == ("failed", 0, False)
        status = found.complete().wait(PATIENCE_S)
    assert (status.outcome, status.events_acquired) == ("complete", 3), status.reason
    assert parfocal.open_run(folder).outcome == "complete"
