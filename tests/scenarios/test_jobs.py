"""The two jobs of the command line as a newcomer types them, and interrupted in the middle."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import tifffile

from parfocal.processes import directory
from parfocal.storage import open_frames, read_array, read_manifest
from parfocal.tracking.simulation import add_noise, bead_stack, render

TIMEOUT_S = 110
FIELDS = {"outcome", "run", "frames", "beads", "latency_ms", "fps", "error", "services"}


def parfocal(*arguments):
    """Run the command line; return its exit code and the JSON of its last line."""
    done = subprocess.run(
        [sys.executable, "-m", "parfocal", *map(str, arguments), "--json"],
        capture_output=True, text=True, timeout=TIMEOUT_S, check=False,
    )  # fmt: skip
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout.splitlines()[-1])


def test_the_demo_tracks_and_records_every_frame_once(tmp_path):
    code, summary = parfocal(
        "demo", "tweezers", "--seconds", 2, "--fps", 50, "--beads", 6, "--workers", 2, "--record-frames",
        "--seed", 3, "--out", tmp_path,
    )  # fmt: skip
    assert code == 0
    assert set(summary) >= FIELDS
    assert summary["outcome"] == "complete"
    assert summary["frames"] == {"produced": 100, "tracked": 100, "recorded": 100, "dropped": {}}
    assert summary["beads"] == 6
    assert summary["error"]["beads"] == 6
    assert summary["error"]["x_rms_nm"] < 2
    assert summary["error"]["y_rms_nm"] < 2
    assert summary["error"]["z_rms_nm"] < 5
    assert {"camera", "tracker", "tracker-1", "tracker-2", "recorder"} <= set(summary["services"])
    assert all(service["restarts"] == 0 for service in summary["services"].values())

    run = Path(summary["run"])
    assert read_manifest(run).outcome == "complete"
    assert open_frames(run / "frames.ome.zarr").shape[0] == 100
    tracks = read_array(run / "tracks")
    assert len(tracks) == 600
    assert {"rois.json", "tables.npz", "overlay.png", "tracks.png"} <= {path.name for path in run.iterdir()}
    assert np.unique(tracks["frame"]).size == 100
    assert directory.rigs() == ()


@pytest.mark.slow
def test_ctrl_c_saves_what_was_measured_and_says_cancelled(tmp_path):
    demo = subprocess.Popen(
        [sys.executable, "-m", "parfocal", "demo", "tweezers", "--seconds", "600", "--fps", "50",
         "--beads", "2", "--out", str(tmp_path), "--json"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    with demo:
        name = f"demo-{demo.pid}"
        wait_for_rows(name, 40)
        demo.send_signal(signal.SIGINT)
        printed, _ = demo.communicate(timeout=TIMEOUT_S)
    assert demo.returncode == 130
    summary = json.loads(printed.splitlines()[-1])
    assert summary["outcome"] == "cancelled"
    frames = summary["frames"]
    assert frames["produced"] == frames["tracked"] >= 20
    assert read_manifest(Path(summary["run"])).outcome == "cancelled"
    assert len(read_array(Path(summary["run"]) / "tracks")) == 2 * frames["recorded"]
    assert directory.rigs() == ()


@pytest.mark.parametrize(
    "phase", ["finding beads", pytest.param("plane ", marks=pytest.mark.slow)]
)  # not each plane is drawn
def test_ctrl_c_before_the_measurement_says_that_nothing_is_recorded(phase, tmp_path):
    demo = subprocess.Popen(
        [sys.executable, "-u", "-m", "parfocal", "demo", "tweezers", "--beads", "2", "--out", str(tmp_path)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=os.environ | {"TTY_COMPATIBLE": "1"},
    )  # fmt: skip
    with demo:
        seen = ""
        while phase not in seen:
            seen += demo.stdout.read(1)
            assert demo.poll() is None, seen
        demo.send_signal(signal.SIGINT)
        printed, _ = demo.communicate(timeout=TIMEOUT_S)
    assert demo.returncode == 130
    last = printed.splitlines()[-1]
    assert last.endswith(
        "parfocal: interrupted; everything was ended in order; nothing had been recorded yet"
    )
    assert list(tmp_path.iterdir()) == []
    assert directory.rigs() == ()


def wait_for_rows(rig, count):
    """Block until `count` rows are recorded by a rig that another process starts."""
    from parfocal.core.errors import ParfocalError
    from parfocal.rig.opening import attach

    pause = threading.Event()
    for _ in range(600):
        try:
            with attach(rig) as running:
                if running["recorder"].status(timeout_s=30).streams["tracks"].stored >= count:
                    return
        except (ParfocalError, KeyError):
            pass
        pause.wait(0.1)
    pytest.fail("the demo recorded nothing")


@pytest.fixture(scope="module")
def movie(tmp_path_factory):
    """A movie of three beads that move by known steps, and where they are in each frame: (t, bead, xy)."""
    path = tmp_path_factory.mktemp("movie") / "beads.tif"
    stack = bead_stack(0.525, 0.1, [2500.0], 80)
    start = np.array([[70.0, 80.0], [210.0, 75.0], [140.0, 180.0]])
    places = start + np.cumsum(np.random.default_rng(1).normal(0, 0.3, (12, 3, 2)), axis=0)
    frames = []
    for number, xy in enumerate(places):
        frame = np.full((256, 288), 1.0, np.float32)
        render(frame, stack, xy[:, 0], xy[:, 1], np.zeros(3))
        frames.append(add_noise(frame * np.float32(4000), read_noise_e=5.0, seed=number))
    tifffile.imwrite(path, np.stack(frames), photometric="minisblack", metadata={"axes": "TYX"})
    return path, places


def test_a_movie_is_tracked_with_a_picture_of_what_was_found(movie, tmp_path):
    path, places = movie
    code, summary = parfocal("track", path, "--find", "--out", tmp_path, "--workers", 2)
    assert code == 0
    assert summary["outcome"] == "complete"
    assert summary["frames"] == {"produced": 12, "tracked": 12, "recorded": 12, "dropped": {}}
    assert summary["beads"] == 3
    assert summary["error"] is None
    for picture in ("overlay", "chart"):
        assert Path(summary[picture]).read_bytes().startswith(b"\x89PNG")
    tracks = read_array(Path(summary["run"]) / "tracks")
    tracks = tracks.reshape(12, 3)
    assert (tracks["frame"] == np.arange(12)[:, None]).all()
    for bead in range(3):
        xy = np.stack([tracks["x_px"][:, bead], tracks["y_px"][:, bead]], axis=1)
        missed = np.hypot(*(places - xy[:, None]).transpose(2, 0, 1)).min(axis=1)
        assert missed.max() < 0.05
    assert np.isnan(tracks["z_nm"]).all()


@pytest.mark.slow
def test_regions_from_a_file_are_taken_as_they_are(movie, tmp_path):
    path, _ = movie
    code, found = parfocal("track", path, "--out", tmp_path)
    assert code == 0
    rois = Path(found["run"]) / "rois.json"
    code, summary = parfocal("track", path, "--rois", rois, "--out", tmp_path)
    assert code == 0
    assert summary["beads"] == 3


@pytest.mark.slow
def test_one_picture_is_a_series_of_one(movie, tmp_path):
    path, _ = movie
    picture = tmp_path / "one.tif"
    tifffile.imwrite(picture, tifffile.imread(path)[0])
    code, summary = parfocal("track", picture, "--out", tmp_path)
    assert code == 0
    assert summary["frames"]["tracked"] == 1


def test_what_is_no_movie_is_refused_in_a_line(tmp_path):
    movie = tmp_path / "text.tif"
    movie.write_text("no image")
    done = subprocess.run(
        [sys.executable, "-m", "parfocal", "track", str(movie), "--out", str(tmp_path / "runs")],
        capture_output=True, text=True, timeout=TIMEOUT_S, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith("parfocal: movie: cannot replay")
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "runs").exists()
