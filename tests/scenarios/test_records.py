"""Runs that anybody starts, whose sources die, or whose rig ends without them: their records are true."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from parfocal.processes import directory
from parfocal.rig.opening import attach, open_rig
from parfocal.storage import annotate_run, open_frames, read_headers, read_manifest

SMALL = {
    "camera.options.width_px": 128,
    "camera.options.height_px": 128,
    "camera.options.beads": 1,
    "camera.options.frame_rate_hz": 50.0,
    "recorder.frames": "camera",
}
WAIT_S = 60


def until(done):
    pause = threading.Event()
    for _ in range(WAIT_S * 20):
        if done():
            return
        pause.wait(0.05)
    pytest.fail("not in time")


@pytest.fixture
def rig(tmp_path):
    with open_rig("tweezers", name="records", changes=SMALL | {"recorder.folder": str(tmp_path)}) as rig:
        yield rig


def stored(rig):
    return rig["recorder"].status(timeout_s=WAIT_S).streams["camera"].stored


def test_a_run_started_by_anyone_is_a_whole_record(rig):
    rig["camera"].snap(timeout_s=WAIT_S)
    rig["tracker"].add_roi(64.0, 64.0, timeout_s=WAIT_S)
    run = Path(rig["recorder"].start(name="60 % [2nd try]", operator="Ada", timeout_s=WAIT_S))
    assert run.name.endswith("_60-2nd-try")
    rig["camera"].start(count=20)
    until(lambda: not rig["camera"].is_running())
    rig["tracker"].add_roi(60.0, 60.0, timeout_s=WAIT_S)
    annotate_run(run, notes="a second bead was added")
    report = rig["recorder"].finish(timeout_s=WAIT_S)
    manifest = read_manifest(run)
    assert (report.outcome, manifest.name, manifest.operator) == ("complete", "60 % [2nd try]", "Ada")
    assert manifest.notes == "a second bead was added"
    services = {"camera", "focus", "magnet", "tracker", "tracker-1"}
    assert services <= set(manifest.settings)
    assert services <= set(manifest.devices)
    assert services <= set(manifest.devices_at_end)
    assert services <= set(manifest.service_versions)
    assert "numba" in manifest.service_versions["tracker-1"]
    assert "tensorstore" in manifest.versions, "of the recorder's own process"
    assert manifest.missing == {}
    assert manifest.streams["camera"].writer == "camera"
    for name in ("rois.json", "rois_versions.json", "overlay.png"):
        assert manifest.artifacts[name].service == "tracker"
        assert (run / name).stat().st_size == manifest.artifacts[name].bytes
    versions = json.loads((run / "rois_versions.json").read_text())["versions"]
    assert [len(version["rois"]) for version in versions[-2:]] == [1, 2]
    assert read_headers(run / "frames.ome.zarr")["frame"].tolist() == list(range(1, 21))


def test_regions_from_before_a_crash_of_the_tracker_stand_in_the_record(rig):
    rig["camera"].snap(timeout_s=WAIT_S)
    rig["tracker"].add_roi(64.0, 64.0, timeout_s=WAIT_S)
    rig["tracker"].move_roi(0, 60.0, 64.0, timeout_s=WAIT_S)
    run = Path(rig["recorder"].start(timeout_s=WAIT_S))
    os.kill(rig.status().services["tracker"].pid, signal.SIGKILL)
    until(lambda: rig.status().services["tracker"].restarts >= 1)
    until(lambda: rig.status().services["tracker"].state == "ready")
    rig["tracker"].move_roi(0, 70.0, 64.0, timeout_s=WAIT_S)
    rig["recorder"].finish(timeout_s=WAIT_S)
    versions = json.loads((run / "rois_versions.json").read_text())["versions"]
    assert [version["version"] for version in versions] == [0, 1, 2, 3]
    assert [roi["x_px"] for version in versions[1:] for roi in version["rois"]] == [64.0, 60.0, 70.0]


@pytest.mark.slow
def test_a_camera_that_fails_for_good_makes_a_failed_run(tmp_path):
    changes = SMALL | {"recorder.folder": str(tmp_path)}
    with open_rig("tweezers", name="records", changes=changes) as rig:
        run = Path(rig["recorder"].start(timeout_s=WAIT_S))
        rig["camera"].start()
        until(lambda: stored(rig) >= 8)

        def hurt():
            try:
                rig["camera"].inject_fault("error", {"message": "the sensor is gone"}, timeout_s=WAIT_S)
            except Exception:  # noqa: BLE001 (it is being started again)
                return rig.status().services["camera"].state == "degraded"
            return rig.status().services["camera"].state == "degraded"

        until(hurt)
        until(lambda: directory.record(rig.name, "camera").state == "degraded")  # where the recorder looks
        report = rig["recorder"].finish(timeout_s=WAIT_S)
    manifest = read_manifest(run)
    assert (report.outcome, report.reason) == ("failed", manifest.reason)
    assert manifest.outcome == "failed"
    assert "camera ended after" in manifest.reason
    assert "the sensor is gone" in manifest.reason
    assert "did not come back" in manifest.reason
    last = [incident.state for incident in manifest.incidents if incident.service == "camera"][-1]
    assert last == "degraded", "whatever others, who miss its frames, come to"


@pytest.mark.parametrize("how", ["error", pytest.param("killed", marks=pytest.mark.slow)])
def test_a_camera_that_was_started_again_is_followed_and_told(rig, how):
    run = Path(rig["recorder"].start(timeout_s=WAIT_S))
    rig["camera"].start()
    until(lambda: stored(rig) >= 8)
    if how == "error":
        rig["camera"].inject_fault("error", {"message": "a loose cable"}, timeout_s=WAIT_S)
    else:
        os.kill(rig.status().services["camera"].pid, signal.SIGKILL)
    until(lambda: rig.status().services["camera"].restarts >= 1)
    until(lambda: rig.status().services["camera"].state == "ready")
    known = stored(rig)
    until(lambda: stored(rig) >= known + 20)
    rig["camera"].stop(timeout_s=WAIT_S)
    report = rig["recorder"].finish(timeout_s=WAIT_S)
    manifest = read_manifest(run)
    lost = manifest.streams["camera"].lost
    assert report.outcome == manifest.outcome
    assert manifest.outcome.startswith("incomplete: lost at least ")
    assert "camera ended after" in manifest.reason
    assert "was started again" in manifest.reason
    assert rig["recorder"].status().reason == manifest.reason
    numbers = read_headers(run / "frames.ome.zarr")["frame"]
    there = numbers[numbers >= 0].tolist()
    assert there == sorted(set(there)), "every frame once, under its own number"
    assert len(there) == manifest.streams["camera"].stored
    assert open_frames(run / "frames.ome.zarr").shape[0] == len(there) + lost


def test_a_run_folder_that_vanishes_is_the_reason(rig):
    run = Path(rig["recorder"].start(timeout_s=WAIT_S))
    rig["camera"].start()
    until(lambda: stored(rig) >= 8)
    until(lambda: shutil.rmtree(run, ignore_errors=True) or not run.exists())  # files come and go meanwhile
    until(lambda: rig["recorder"].status(timeout_s=WAIT_S).errors)
    report = rig["recorder"].finish(timeout_s=WAIT_S)
    assert report.outcome == "failed"
    assert "disappeared while it was written" in report.reason


@pytest.mark.parametrize(
    "number", [signal.SIGTERM, pytest.param(signal.SIGHUP, marks=pytest.mark.slow), signal.SIGKILL]
)
def test_how_a_rig_ended_stands_in_the_record(tmp_path, number):
    settings = [f"--set={name}={value}" for name, value in SMALL.items()]
    words = ["up", "tweezers", "--name", "ending", "--json", f"--set=recorder.folder={tmp_path}", *settings]
    with subprocess.Popen(
        [sys.executable, "-m", "parfocal", *words], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as up:
        assert up.stdout.readline()
        with attach("ending") as rig:
            rig["camera"].snap(timeout_s=WAIT_S)
            rig["tracker"].add_roi(64.0, 64.0, timeout_s=WAIT_S)
            run = Path(rig["recorder"].start(timeout_s=WAIT_S))
            rig["camera"].start()
            until(lambda: stored(rig) >= 8)
        up.send_signal(number)
        up.wait(WAIT_S)
    until(lambda: "ending" not in [record.rig for record in directory.rigs()])
    until(lambda: read_manifest(run).seen != "recording")
    manifest = read_manifest(run)
    assert "rois.json" in manifest.artifacts
    if number == signal.SIGKILL and manifest.seen == "unknown: not closed":
        return  # its recorder has a second to close it, and is killed then
    assert manifest.outcome == ("failed" if number == signal.SIGKILL else "finished early"), manifest.reason
    why = "the rig is gone" if number == signal.SIGKILL else signal.Signals(number).name
    assert why in manifest.reason


@pytest.mark.slow
def test_ctrl_c_eight_times_ends_in_order(tmp_path):
    words = ["demo", "tweezers", "--seconds", "600", "--fps", "50", "--beads", "2", "--out", str(tmp_path)]
    with subprocess.Popen(
        [sys.executable, "-m", "parfocal", *words, "--json"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as demo:  # fmt: skip
        until(lambda: sum(path.stat().st_size for path in tmp_path.glob("*/tracks/*.arrows")) > 20_000)
        for _ in range(8):
            demo.send_signal(signal.SIGINT)
            threading.Event().wait(0.1)
        printed, said = demo.communicate(timeout=WAIT_S)
    assert "Traceback" not in said
    assert demo.returncode == 130
    summary = json.loads(printed.splitlines()[-1])
    assert (summary["outcome"], summary["reason"]) == ("cancelled", "Ctrl-C")
    assert read_manifest(Path(summary["run"])).outcome == "cancelled"


def test_frames_that_the_camera_loses_first_and_last_are_counted_in_their_run(rig):
    first = Path(rig["recorder"].start(timeout_s=WAIT_S))
    for lost, count in ((5, 20), (30, 30)):
        rig["camera"].inject_fault("lost", {"frames": lost}, timeout_s=WAIT_S)
        rig["camera"].start(count=count)
        until(lambda: not rig["camera"].is_running(timeout_s=WAIT_S))
    report = rig["recorder"].finish(timeout_s=WAIT_S)
    camera = read_manifest(first).streams["camera"]
    assert (camera.first_number, camera.expected, camera.stored, camera.lost) == (0, 50, 15, 35)
    assert report.outcome == "incomplete: lost 35"
    headers = read_headers(first / "frames.ome.zarr")
    assert headers["frame"][:6].tolist() == [-1, -1, -1, -1, -1, 5]
    second = Path(rig["recorder"].start(timeout_s=WAIT_S))
    rig["camera"].start(count=10)
    until(lambda: not rig["camera"].is_running(timeout_s=WAIT_S))
    assert rig["recorder"].finish(timeout_s=WAIT_S).outcome == "complete"
    assert read_headers(second / "frames.ome.zarr")["frame"].tolist() == list(range(50, 60))
