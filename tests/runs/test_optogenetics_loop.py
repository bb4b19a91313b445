"""The closed loop on a whole rig: real processes, the simulated optogenetics microscope, a real record."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import numpy as np
import psutil
import pytest
from msgspec import structs

import parfocal
from parfocal.core.clock import SYSTEM_CLOCK, poll_until
from parfocal.core.errors import RunFailedError
from parfocal.core.event_kinds import EVENT_KINDS
from parfocal.rig.offline.reprocess import reprocess
from parfocal.rig.opening import open_rig
from parfocal.rig.recovering import recover
from parfocal.runs import Pipeline, Sequence, Step, combine, confirm
from parfocal.runs.analysis_rows import OUTCOMES

PATIENCE_S = 300.0
CELLS = "parfocal.analysis.cells."
PIPELINE = Pipeline(
    segment=CELLS + "segment:otsu",
    features=CELLS + "measure:measure",
    track=Step(call=CELLS + "linking:NearestLinker", settings={"search_px": 10.0}),
    stimulate=CELLS + "masks:cells",
    deadline_s=PATIENCE_S,
    queue=1000,
)


def plan(loops, interval=0.0, **more):
    return Sequence(
        time_plan={"interval": interval, "loops": loops},
        channels=["nucleus"],
        stim_channels=[{"config": "stimulation", "exposure": 5}],
        stim_frames="all",
        **more,
    )


@pytest.fixture
def rig(tmp_path):
    with open_rig("optogenetics", changes={"recorder.folder": str(tmp_path / "runs")}) as rig:
        rig["modulator"].calibrate()
        yield rig


def workers(rig):
    """Return the processes of the pipeline's workers."""
    engine = psutil.Process(rig.status().services["runs"].pid)
    return [one.pid for one in engine.children() if "parfocal.runs.pipeline.worker" in words_of(one)]


def words_of(process):
    """Return the command of a process; nothing if it has ended while it was looked at."""
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []


def has_stimulus_in_hand(handle):
    status = handle.status()  # of a plan with an image before each stimulus
    return status.events_consumed - status.events_acquired == 1 and status.events_consumed % 2 == 0


def is_gone(pid):
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE  # nobody may be there to collect it
    except psutil.NoSuchProcess:
        return True


def until(condition, what):
    assert poll_until(condition, PATIENCE_S), f"{what} did not happen"


def test_every_stimulus_of_a_run_has_the_mask_of_its_image_and_particles_go_on(rig, tmp_path):
    places = [(0, 0), (300, 0)]
    status = rig.run(plan(3, stage_positions=places), pipeline=PIPELINE, name="a/loop [ä]").wait(PATIENCE_S)
    assert (status.outcome, status.errors.count) == ("complete", 0)
    counts = status.stimulations
    assert (counts.asked, counts.fired, counts.fallback, counts.unsure) == (6, 6, 0, 0)
    assert status.forecast.analysis_s > 0
    rig.run(plan(1, stage_positions=places), pipeline=PIPELINE, continues="a/loop [ä]").wait(PATIENCE_S)

    record = parfocal.open_run(status.folder)
    fired = record.stimulations()
    assert fired[["t", "p"]].tolist() == [(t, p) for t in range(4) for p in range(2)]
    assert (fired["number"] - fired["image_event"] == 1).all()
    assert (fired["image_to_stim_ms"] > 0).all()
    tracks = record.tracks()
    for t, p in fired[["t", "p"]].tolist():
        labels = np.asarray(record.frames("labels", t=t, p=p))
        here = tracks[(tracks["t"] == t) & (tracks["p"] == p)]
        assert np.array_equal(np.unique(labels)[1:], np.sort(here["label"]))
        assert np.array_equal(np.asarray(record.frames("masks", t=t, p=p)) > 0, labels > 0)
    for p in range(2):
        here = tracks[tracks["p"] == p]
        before, after = (set(here["particle"][phase].tolist()) for phase in (here["t"] < 3, here["t"] == 3))
        assert min(after - before, default=max(before) + 1) > max(before), "numbers are given once"

    again = reprocess(record.folder, PIPELINE, tmp_path / "again", workers=2)
    assert (again.outcome, again.analysed) == ("complete", 8)
    offline = parfocal.open_run(again.run)
    live, later = (np.sort(rows, order=["p", "t", "label"]) for rows in (tracks, offline.tracks()))
    for name in live.dtype.names:
        assert np.array_equal(live[name], later[name], equal_nan=live[name].dtype.kind == "f"), name
    for stream in ("labels", "masks"):
        assert np.array_equal(record.frames(stream).array(), offline.frames(stream).array())


def test_what_could_not_go_on_is_gone_on_with_in_the_same_record(rig):
    """A new record was begun instead, without a word, as the run that was named had none of its own."""
    first = rig.run(plan(2), pipeline=PIPELINE, name="one").wait(PATIENCE_S)
    other = Pipeline(**{**structs.asdict(PIPELINE), "features": None})
    with pytest.raises(RunFailedError, match="it lacks mean_nucleus"):
        rig.run(plan(1), pipeline=other, continues="one").wait(PATIENCE_S)
    again = rig.run(plan(1), pipeline=PIPELINE, continues="one").wait(PATIENCE_S)
    assert (again.folder, again.outcome) == (first.folder, "complete")
    assert sorted(set(parfocal.open_run(first.folder).tracks()["t"].tolist())) == [0, 1, 2]


def test_a_stimulus_without_a_mask_is_read_back_as_well(rig):
    seen = Pipeline(segment=CELLS + "segment:otsu", track=CELLS + "linking:NearestLinker")
    status = rig.run(plan(2), pipeline=seen).wait(PATIENCE_S)
    assert (status.outcome, status.stimulations.fired) == ("complete", 2)
    fired = parfocal.open_run(status.folder).stimulations()
    assert fired["image_event"].tolist() == [-1, -1]
    assert (fired["lit_px"] == np.prod(rig["modulator"].shape())).all()
    for name in ("shutter", "mask_read"):
        assert fired[name].tolist() == [1, 1], name
    assert (fired["power"] > 0).all()
    assert (fired["fired_ns"] > fired["shown_ns"]).all()
    assert set(fired["channel"]) == {"stimulation"}


@pytest.mark.slow
def test_a_stimulus_that_its_policy_leaves_out_is_told_and_makes_no_record_incomplete(rig):
    status = rig.run(plan(3), pipeline=PIPELINE, stim_mode="previous").wait(PATIENCE_S)
    assert (status.outcome, status.reason) == ("complete", "1 no mask")
    counts = status.stimulations
    assert (counts.asked, counts.fired, counts.fallback) == (3, 2, 1)
    record = parfocal.open_run(status.folder)
    assert (record.outcome, record.manifest.streams["camera"].stored) == ("complete", 5)
    assert [OUTCOMES[one] for one in record.stimulations()["outcome"]] == ["no mask", "fired", "fired"]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_disk_that_takes_a_quarter_of_a_second_for_a_frame_loses_nothing_of_110_events(rig):
    rig["recorder"].inject_fault("slow disk", {"seconds": 0.25, "stream": "camera"})
    status = rig.run(plan(55), pipeline=PIPELINE).wait(PATIENCE_S)
    assert (status.outcome, status.errors.count) == ("complete", 0)
    assert (status.events_acquired, status.stimulations.fired) == (110, 55)
    record = parfocal.open_run(status.folder)
    assert len(record.stimulations()) == 55
    assert sorted(set(record.tracks()["t"].tolist())) == list(range(55))
    assert record.manifest.streams["camera"].stored == 110
    assert record.manifest.streams["labels"].stored == record.manifest.streams["masks"].stored == 55


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "stopped"])
def test_a_worker_that_ends_in_a_run_costs_no_time_point(rig, how):
    pipeline = Pipeline(
        **{**{name: getattr(PIPELINE, name) for name in PIPELINE.__struct_fields__}, "deadline_s": 1.0}
    )
    waits = combine(plan(10, 0.2), confirm("go on?"), plan(10, 0.2), axis="t")  # for whoever is late
    handle = rig.run(waits, pipeline=pipeline)
    until(lambda: handle.status().stimulations.fired >= 3, "a stimulus")
    (worker,) = workers(rig)
    os.kill(worker, how)
    until(lambda: handle.status().question, "the question")
    handle.confirm()
    status = handle.wait(PATIENCE_S)
    until(lambda: is_gone(worker), "its end")
    assert any(error.type == "WorkerEndedError" for error in status.errors.last)
    assert status.stimulations.asked == 20
    record = parfocal.open_run(status.folder)
    assert any("WorkerEndedError" in line for line in record.manifest.errors), "the record tells it, too"
    assert sorted(set(record.tracks()["t"].tolist())) == list(range(20))
    until(lambda: not workers(rig), "their end, with the run")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_workers_end_with_the_engine(rig):
    handle = rig.run(plan(10_000, 0.1), pipeline=PIPELINE)
    until(lambda: handle.status().stimulations.fired >= 1, "a stimulus")
    (worker,) = workers(rig)
    os.kill(rig.status().services["runs"].pid, signal.SIGKILL)
    until(lambda: is_gone(worker), "the end of the worker")
    with pytest.raises(RunFailedError, match="died at event"):
        handle.wait(PATIENCE_S)


@pytest.mark.timeout(600)
def test_what_is_left_of_a_run_may_begin_with_a_stimulus_whose_image_is_done(rig):
    handle = rig.run(plan(4, 3.0), pipeline=PIPELINE, name="cut")
    until(lambda: handle.status().stimulations.fired >= 1, "a stimulus")
    (worker,) = workers(rig)
    os.kill(worker, signal.SIGSTOP)  # the mask of the next one does not come
    until(lambda: has_stimulus_in_hand(handle), "a stimulus in hand")
    handle.cancel("enough")
    os.kill(worker, signal.SIGCONT)
    cut = handle.wait(PATIENCE_S)
    assert cut.events_acquired % 2, "the image of the last time point is done"

    with recover(cut.folder) as found:
        assert (found.report.refused, found.report.unsure) == ("", ())
        status = found.complete().wait(PATIENCE_S)
    assert (status.outcome, status.events_total) == ("complete", 8), status.reason
    stimuli = parfocal.open_run(cut.folder).stimulations()
    without = [OUTCOMES[one] for one in stimuli["outcome"] if OUTCOMES[one] != "fired"]
    assert without in ([], ["no mask"]), "the one whose image nobody had analysed"
    assert len(set(stimuli["number"].tolist())) == len(stimuli) == 4


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_no_image_sees_the_light_of_the_stimulus_before_it(rig):
    """They are in one channel, whose light stays on: the modulator alone keeps it from the image."""
    one = {"config": "stimulation", "exposure": 5}
    loops = Sequence(
        time_plan={"interval": 0, "loops": 30}, channels=[one], stim_channels=[one], stim_frames="all"
    )
    since_ns = SYSTEM_CLOCK.monotonic_ns()
    status = rig.run(loops).wait(PATIENCE_S)
    assert (status.outcome, status.events_acquired) == ("complete", 60)
    begins, levels = zip(
        *(
            (change.time_ns, change.level)
            for change in rig["world"].light_log(since_ns)
            if change.light == "stimulation"
        ),
        strict=True,
    )
    lit = [
        (begin, end) for begin, end, level in zip(begins, [*begins[1:], 2**63], levels, strict=True) if level
    ]
    events = parfocal.open_run(status.folder).events()
    for kind, is_lit in (("image", False), ("stimulus", True)):
        of_kind = events[events["kind"] == EVENT_KINDS.index(kind)]
        assert len(of_kind) == 30
        for end_ns, exposure_ms in of_kind[["time_ns", "exposure_ms"]].tolist():
            begin_ns = end_ns - round(exposure_ms * 1e6)
            overlaps = [min(end, end_ns) - max(begin, begin_ns) for begin, end in lit]
            seen_ns = sum(max(0, one) for one in overlaps)
            assert seen_ns == (end_ns - begin_ns if is_lit else 0), kind


def check_nothing_is_kept(rig, repeat):
    """Check that services keep no files, sockets, pipes and streams in use of what was repeated."""

    def in_use():
        services = {name: psutil.Process(service.pid) for name, service in rig.status().services.items()}
        maps = {
            name: Path(f"/proc/{one.pid}/maps").read_text(encoding="utf-8") for name, one in services.items()
        }
        return {name: (one.num_fds(), maps[name].count(".ring")) for name, one in services.items()}

    repeat(2)
    before = in_use()
    repeat(3)
    until(
        lambda: all(
            now <= most + 2
            for name, found in in_use().items()
            for now, most in zip(found, before[name], strict=True)
        ),
        f"no more than {before} in use",
    )


def test_runs_that_have_ended_keep_no_files_and_no_streams_in_use(rig):
    def repeat(number):
        for _ in range(number):
            assert rig.run(plan(2), pipeline=PIPELINE).wait(PATIENCE_S).outcome == "complete"

    check_nothing_is_kept(rig, repeat)


def test_calibrations_and_scripts_that_are_over_keep_no_connections_in_use(rig, tmp_path):
    script = tmp_path / "nothing.py"
    script.write_text("def main(lab):\n    pass\n")

    def repeat(number):
        for _ in range(number):
            rig["modulator"].calibrate(timeout_s=PATIENCE_S)
            assert rig.script(script).wait(PATIENCE_S).outcome == "complete"

    check_nothing_is_kept(rig, repeat)
