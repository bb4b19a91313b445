"""A run in a viewer: real processes, the simulated optogenetics microscope, a headless viewer."""

import contextlib
import os
import signal

import numpy as np
import pytest

from parfocal.core.clock import poll_until
from parfocal.core.errors import ViewerError
from parfocal.rig.opening import open_rig
from parfocal.rig.viewing import shown
from parfocal.runs import Pipeline, Sequence, Step
from parfocal.storage.recorded_run import open_run

PATIENCE_S = 120.0
CELLS = "parfocal.analysis.cells."
PIPELINE = Pipeline(
    segment=CELLS + "segment:otsu",
    features=CELLS + "measure:measure",
    track=Step(call=CELLS + "linking:NearestLinker", settings={"search_px": 10.0}),
    choose=CELLS + "choosing:picked",
    stimulate=CELLS + "masks:cells",
    deadline_s=PATIENCE_S,
    queue=1000,
)
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


ENDLESS = 10_000
"""More time points than any test waits for: how far a run comes until something has happened is not known."""


def plan(loops, **more):
    return Sequence(
        time_plan={"interval": 0, "loops": loops},
        stage_positions=[(0, 0), (300, 0)],
        channels=["nucleus"],
        stim_channels=[{"config": "stimulation", "exposure": 5}],
        stim_frames="all",
        **more,
    )


def until(condition, what):
    assert poll_until(condition, PATIENCE_S), f"{what} did not happen"


@pytest.fixture
def rig(tmp_path):
    with open_rig("optogenetics", changes={"recorder.folder": str(tmp_path / "runs")}) as rig:
        rig["modulator"].calibrate()
        yield rig


def images(viewer, run):
    return {one["run"]: one["images"] for one in viewer.followed_runs()}.get(run, 0)


def test_a_click_in_a_viewer_lights_that_cell_and_the_next_run_comes_to_the_same_viewer(rig, opened):
    viewer = opened("headless")
    handle = rig.run(plan(ENDLESS), pipeline=PIPELINE, name="loop")
    assert viewer.follow(handle).received(PATIENCE_S) == "loop"
    nucleus = "loop channel-nucleus"
    until(lambda: nucleus in viewer.panes(), "the first image")

    def over(name, t):
        """Return what is called so over time point t of position 1; None if it is not there."""
        with contextlib.suppress(ViewerError):
            viewer.select(nucleus, keep=True, p=1, t=t).received(PATIENCE_S)
            return next((one for one in viewer.annotations(nucleus) if one.name == name), None)

    seen = []

    def tracked():
        seen[:] = [over("labels", 0)]
        return seen[0] is not None and seen[0].pickable and over("tracks", 0) is not None

    until(tracked, "the cells of position 1")
    labels = seen[0].image
    area = int(labels[labels > 0].min())
    particle = seen[0].picked_as(area)
    assert particle == area - 1, "particles are counted from 0"
    y, x = np.argwhere(labels == area).mean(axis=0)
    assert viewer.pick(nucleus, float(x), float(y)).received(PATIENCE_S) == [particle]

    def lit():
        mask = over("fired mask", handle.status().event_index.get("t", 0) - 1)
        return mask is not None and mask.image.any()

    until(lit, "light on the cell")
    handle.finish()
    status = handle.wait(PATIENCE_S)
    record = open_run(status.folder)
    fired = record.stimulations()
    first = fired[(fired["p"] == 1) & (fired["lit_px"] > 0)][0]
    doses = record.doses()
    mine = doses[(doses["number"] == first["number"]) & (doses["dose"] > 0)]
    assert mine["particle"].tolist() == [particle]
    assert not (fired[fired["p"] == 0]["lit_px"] > 0).any()

    shown = viewer.image(nucleus)
    again = rig.run(plan(2), pipeline=PIPELINE, name="again")
    viewer.follow(again).received(PATIENCE_S)
    again.wait(PATIENCE_S)
    until(lambda: images(viewer, "again") == 8, "the images of the second run")
    assert set(viewer.panes()) == {
        *(f"{run} channel-{channel}" for run in ("loop", "again") for channel in ("nucleus", "stimulation"))
    }
    np.testing.assert_array_equal(viewer.image(nucleus), shown)
    assert viewer.panes()["again channel-nucleus"]["axes"] == {"t": 2, "p": 2, "z": 1}
    for t in range(2):
        for p in range(2):
            (frame,) = open_run(again.status().folder).frames("camera", t=t, p=p, c="nucleus")
            viewer.select("again channel-nucleus", t=t, p=p).received(PATIENCE_S)
            np.testing.assert_array_equal(viewer.image("again channel-nucleus"), frame.data)


def test_a_viewer_that_comes_late_shows_a_run_from_its_beginning(tmp_path, opened):
    changes = {"recorder.folder": str(tmp_path), "camera.slots": 16}
    with open_rig("optogenetics", changes=changes) as rig:
        series = Sequence(time_plan={"interval": 0.2, "loops": 5000}, channels=["nucleus"])
        handle = rig.run(series, name="late")
        until(lambda: handle.status().frames_stored > 30, "more images than the ring holds")
        viewer = opened("headless")
        viewer.follow(handle).received(PATIENCE_S)
        seen = handle.status().frames_received
        until(lambda: images(viewer, "late") > seen, "an image that came after the viewer")
        handle.finish()
        status = handle.wait(PATIENCE_S)
        until(lambda: images(viewer, "late") >= status.frames_received, "the last image")
        (told,) = viewer.followed_runs()
        assert (told["images"], told["refused"], told["gone"]) == (status.frames_received, 0, 0)
        run = open_run(status.folder)
        for t in (0, 7, 20, status.frames_received - 1):
            viewer.select("late channel-nucleus", t=t).received(PATIENCE_S)
            (frame,) = run.frames(t=t)
            np.testing.assert_array_equal(viewer.image("late channel-nucleus"), frame.data)


def test_a_viewer_that_stands_still_or_dies_costs_a_run_nothing(rig, opened):
    viewer = opened("headless")
    handle = rig.prepare(plan(ENDLESS), pipeline=PIPELINE, name="loop")
    viewer.follow(handle).received(PATIENCE_S)  # before the run begins
    handle.start()
    until(lambda: images(viewer, "loop") > 4, "the first images")
    pid = viewer.pid
    os.kill(pid, signal.SIGSTOP)
    goes_on(handle, "beside a viewer that stands still")
    os.kill(pid, signal.SIGKILL)
    os.kill(pid, signal.SIGCONT)
    goes_on(handle, "after a viewer was killed")
    handle.finish()
    status = handle.wait(PATIENCE_S)
    assert (status.outcome, status.errors.count) == ("finished early", 0)
    taken = status.frames_received + status.stimulations.fired
    assert status.frames_stored == taken == status.events_consumed


def goes_on(handle, when):
    consumed = handle.status().events_consumed
    until(lambda: handle.status().events_consumed > consumed + 40, f"events {when}")


def test_a_viewer_that_comes_later_shows_what_the_rings_hold_and_what_follows(rig, opened):
    handle = rig.run(plan(ENDLESS), pipeline=PIPELINE, name="loop")
    until(lambda: handle.status().events_acquired > 8, "the first events")
    handle.pause()
    until(lambda: handle.status().state == "paused", "the pause")
    viewer = opened("headless", budget_mb=12)
    with shown("optogenetics/loop", viewer) as what:
        assert what == "run loop of optogenetics"
    until(lambda: viewer.panes().get("loop channel-nucleus", {}).get("axes", {}).get("t", 0) > 1, "its past")
    until(lambda: images(viewer, "loop") > 0, "what the ring holds")
    handle.resume()
    until(lambda: viewer.followed_runs()[0]["gone"] > 20, "the oldest images go")
    handle.cancel()
    handle.wait(PATIENCE_S)
    until(lambda: viewer.followed_runs()[0]["state"] == "cancelled", "the end of the run")
    assert "gone to make room" in viewer.panes()["loop channel-nucleus"]["caption"]
