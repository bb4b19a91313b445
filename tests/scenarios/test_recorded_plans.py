"""The record of a plan on the microscope: what a foreign reader finds; what a slow disk or a kill does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaozarrs

import parfocal
from parfocal.core.clock import poll_until
from parfocal.rig.config import load_config
from parfocal.runs import Sequence, combine, confirm, load_plan

PATIENCE_S = 60.0


def only_run(folder: Path):
    (path,) = folder.iterdir()
    return parfocal.open_run(path)


PLACES = [{"name": "left", "x": -150, "y": 20, "z": 2}, {"name": "right", "x": 150, "y": 0, "z": 4}]


def plan(loops: int, **asked):
    channels = [{"config": "nucleus", "exposure": 5}, {"config": "cytoplasm", "exposure": 10}]
    timed = {"interval": 0.05, "loops": loops}
    return Sequence(time_plan=timed, stage_positions=PLACES, channels=channels, **asked)


@pytest.fixture
def microscope():
    with parfocal.open_rig("microscope", name="recorded") as rig:
        yield rig


def test_a_foreign_reader_finds_places_and_settings_of_a_plan(microscope, tmp_path):
    asked = plan(2, z_plan={"range": 2, "step": 1})
    handle = microscope.run(asked, name="r", folder=str(tmp_path), notes={"for": "Ada"})
    status = handle.wait(timeout_s=PATIENCE_S)
    assert status.outcome == "complete"
    run = only_run(tmp_path)
    assert load_plan(run.folder / "plan.json") == asked
    assert run.manifest.plan_notes == {"for": "Ada"}
    images = run.folder / "frames.ome.zarr"
    for number, place in enumerate(PLACES):
        shown = yaozarrs.validate_zarr_store(str(images / str(number))).ome_metadata()
        scale, translation = shown.multiscales[0].datasets[0].coordinateTransformations
        assert scale.scale[1:3] == [1.0, 1.0]
        assert translation.translation == [0.0, 0.0, place["z"] - 1, place["y"], place["x"]]
        assert [channel.label for channel in shown.omero.channels] == ["nucleus", "cytoplasm"]
    log = run.events()
    for event in log:
        place = PLACES[event["p"]]
        assert (event["x_um"], event["y_um"]) == pytest.approx((place["x"], place["y"]), abs=0.01)
        assert event["z_um"] == pytest.approx(place["z"] + event["z"] - 1, abs=0.01)
        assert event["exposure_ms"] == pytest.approx([5, 10][event["c"]])
        assert event["power"] == pytest.approx(0.5)
        assert event["asked_exposure_ms"] == [5, 10][event["c"]]
    assert run.manifest.plans[0].file == "plan.json"
    kept = load_config(run.folder / "rig.toml")
    assert (kept.name, sorted(kept.services)) == ("recorded", sorted(set(microscope.services) - {"runs"}))
    assert run.manifest.artifacts["rig.toml"].service == "recorder"


def test_a_slow_disk_slows_the_schedule_and_loses_nothing(microscope, tmp_path):
    microscope["recorder"].inject_fault("slow disk", {"seconds": 0.5, "stream": "camera"})
    handle = microscope.run(plan(30), name="slow", folder=str(tmp_path))
    try:
        assert poll_until(lambda: handle.status().queues.get("camera") is not None, PATIENCE_S)
        assert poll_until(lambda: handle.status().queues["camera"].depth > 8, PATIENCE_S)
    finally:
        microscope["recorder"].submit("inject_fault", "free", force=True).result(PATIENCE_S)
    assert handle.wait(timeout_s=PATIENCE_S).outcome == "complete"
    assert len(only_run(tmp_path).frames()) == 120


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_recorder_that_is_killed_in_the_middle_of_a_plan_loses_nothing(microscope, tmp_path):
    waits = combine(plan(20), confirm("go on?"), plan(20), axis="t")
    handle = microscope.run(waits, name="killed", folder=str(tmp_path))
    assert poll_until(lambda: handle.status().frames_stored > 10, PATIENCE_S)
    os.kill(microscope.status().services["recorder"].pid, signal.SIGKILL)
    assert poll_until(lambda: handle.status().question, PATIENCE_S)
    handle.confirm()
    assert handle.wait(timeout_s=PATIENCE_S).outcome == "complete"
    run = only_run(tmp_path)
    assert (len(run.frames()), run.frames().missing) == (160, [])
    assert len(run.manifest.restarts) == 1
    log = run.events()
    assert sorted(log["number"].tolist()) == list(range(161)), "the images, and the question"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_camera_that_is_killed_together_with_the_recorder_is_told_of_by_the_next_one(microscope, tmp_path):
    handle = microscope.run(plan(40), name="both", folder=str(tmp_path))
    assert poll_until(lambda: handle.status().frames_stored > 10, PATIENCE_S)
    services = microscope.status().services
    for name in ("recorder", "camera"):
        os.kill(services[name].pid, signal.SIGKILL)
    assert handle.wait(timeout_s=PATIENCE_S).outcome == "complete"
    run = only_run(tmp_path)
    assert (len(run.frames()), run.frames().missing) == (160, [])
    assert "camera" in {incident.service for incident in run.manifest.incidents}
    assert len(run.manifest.restarts) == 1


KILLED = """
import sys, parfocal
from parfocal.runs import Sequence
with parfocal.open_rig("microscope", name="killed-whole") as rig:
    places = [(0, 0), (100, 0)]
    channels = [{{"config": "nucleus", "exposure": 5}}]
    plan = Sequence(time_plan={{"interval": 0.05, "loops": 4000}}, stage_positions=places, channels=channels)
    rig.run(plan, name="long", folder={folder!r})
    stored = [0, 0]
    while min(stored) < 20:
        streams = rig["recorder"].status().streams
        stored = [streams[name].stored if name in streams else 0 for name in ("camera", "run_events")]
    print(*(service.pid for service in rig.status().services.values()), flush=True)
    print(*stored, flush=True)
    sys.stdin.readline()
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_when_everything_is_killed_all_that_was_acknowledged_is_readable(tmp_path):
    script = KILLED.format(folder=str(tmp_path / "runs"))
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as rig:
        assert rig.stdout is not None
        pids = [int(pid) for pid in rig.stdout.readline().split()]
        acknowledged, logged = (int(count) for count in rig.stdout.readline().split())
        for pid in (rig.pid, *pids):  # stopped first: nobody closes what another leaves
            os.kill(pid, signal.SIGSTOP)
        for pid in (*pids, rig.pid):  # the rig last: while it lives, nobody else cleans up
            os.kill(pid, signal.SIGKILL)
        rig.wait(PATIENCE_S)
    run = only_run(tmp_path / "runs")
    assert poll_until(lambda: run.outcome == "unknown: not closed", PATIENCE_S)
    frames = run.frames()
    assert len(frames) >= acknowledged >= 20
    layout = run.manifest.streams["camera"].events
    for frame in frames:
        assert frame.header.event == layout.number_of(frame.index)
        assert frame.data.any()
    yaozarrs.validate_zarr_store(str(run.folder / "frames.ome.zarr"))
    log = run.events()
    assert len(log) >= logged >= 20
    assert log["number"].tolist() == list(range(len(log)))
