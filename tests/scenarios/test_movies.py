"""`parfocal track` on movies as people have them: what the record says of times, sizes and losses."""

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

from parfocal.storage import read_array, read_manifest
from parfocal.tracking.simulation import add_noise, bead_stack, render

TIMEOUT_S = 110


def parfocal(*arguments, json_wanted=True):
    """Run the command line; return exit code, the JSON of its last line, and what it told people."""
    words = [sys.executable, "-m", "parfocal", *map(str, arguments), *["--json"] * json_wanted]
    done = subprocess.run(words, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    summary = json.loads(done.stdout.splitlines()[-1]) if done.stdout and json_wanted else None
    return done.returncode, summary, done.stderr


@pytest.fixture(scope="module")
def images():
    """Twelve noisy images of one bead, which moves to the right."""
    stack = bead_stack(0.525, 0.1, [2500.0], 80)
    made = []
    for number in range(12):
        frame = np.full((128, 160), 1.0, np.float32)
        render(frame, stack, np.array([70.0 + 0.3 * number]), np.array([64.0]), np.zeros(1))
        made.append(add_noise(frame * np.float32(4000), read_noise_e=5.0, seed=number))
    return np.stack(made)


def test_a_movie_written_page_by_page_with_its_own_times(images, tmp_path):
    with tifffile.TiffWriter(tmp_path / "bead [1] 100%.tif") as tiff:
        for image in images:
            tiff.write(image, photometric="minisblack")
    code, summary, told = parfocal(
        "track",
        tmp_path / "bead [1] 100%.tif",
        "--fps",
        100,
        "--pixel-size-um",
        0.1,
        "--out",
        tmp_path / "runs",
    )
    assert code == 0, told
    assert summary["frames"] == {"produced": 12, "tracked": 12, "recorded": 12, "dropped": {}}
    assert "100 images a second (given frame rate)" in told
    rows = read_array(Path(summary["run"]) / "tracks")
    np.testing.assert_array_equal(np.diff(rows["time_ns"]), 10_000_000)
    assert (np.diff(rows["x_px"]) > 0.2).all()
    assert summary["fps"]["camera"] == pytest.approx(100)
    assert summary["latency_ms"] == {"p50": None, "p99": None}
    manifest = read_manifest(Path(summary["run"]))
    assert manifest.plan["source"]["times_from"] == "given frame rate"
    assert manifest.plan["source"]["pixel_size_um"] == 0.1
    assert manifest.plan["source"]["pixel_size_from"] == "given"
    assert Path(summary["run"]).name.endswith("_bead-1-100")


@pytest.mark.slow
def test_a_movie_without_times_says_so(images, tmp_path):
    tifffile.imwrite(tmp_path / "m.tif", images, imagej=True, metadata={"axes": "CYX"})
    code, summary, told = parfocal("track", tmp_path / "m.tif", "--channel", "all", "--out", tmp_path)
    assert code == 0, told
    assert "times: untold, rows carry the number of the image alone; --fps tells" in told
    assert "pixel size: untold" in told
    rows = read_array(Path(summary["run"]) / "tracks")
    assert rows["frame"].tolist() == list(range(12))
    assert set(rows["time_ns"].tolist()) == {0}
    assert summary["fps"]["camera"] is None
    assert summary["movie"]["times_from"] == "untold"


@pytest.mark.slow
def test_what_is_left_unread_is_told_and_recorded(images, tmp_path):
    with tifffile.TiffWriter(tmp_path / "m.ome.tif", ome=True) as tiff:
        for part in (images[:6], images[6:]):
            tiff.write(part, metadata={"axes": "TYX", "TimeIncrement": 0.5}, photometric="minisblack")
    code, summary, told = parfocal("track", tmp_path / "m.ome.tif", "--position", 1, "--out", tmp_path)
    assert code == 0, told
    words = "1 of 2 positions: read is position 1 (Image1), --position chooses"
    assert f"left unread: {words}" in told
    assert summary["movie"]["unread"] == [words]
    assert read_manifest(Path(summary["run"])).plan["source"]["unread"] == [words]
    assert summary["frames"]["tracked"] == 6
    assert summary["fps"]["camera"] == pytest.approx(2.0)


def test_an_image_that_cannot_be_read_is_one_loss_in_the_record(images, tmp_path):
    for number, image in enumerate(images):
        tifffile.imwrite(tmp_path / f"f{number:02d}.tif", image, compression="zlib")
    bad = tmp_path / "f05.tif"
    with tifffile.TiffFile(bad) as tiff:
        offset = tiff.pages[0].dataoffsets[0]
    with bad.open("r+b") as file:
        file.seek(offset)
        file.write(b"\0" * 64)
    code, summary, told = parfocal("track", tmp_path, "--out", tmp_path / "runs")
    assert code == 3, told
    assert summary["outcome"] == "incomplete: lost 1"
    assert summary["reason"].startswith("image 5 cannot be read: ")
    assert "f05.tif" in summary["reason"]
    assert summary["frames"] == {"produced": 12, "tracked": 11, "recorded": 11, "dropped": {"camera": 1}}
    assert summary["services"]["camera"]["restarts"] == 0
    assert "Traceback" not in told
    rows = read_array(Path(summary["run"]) / "tracks")
    assert rows["frame"].tolist() == [0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11]


@pytest.mark.parametrize("dtype", ["int16", pytest.param("float32", marks=pytest.mark.slow)])
def test_values_that_are_no_counts_need_a_scale(dtype, images, tmp_path):
    values = images.astype(dtype) if dtype == "int16" else (images / 65535).astype(dtype)
    tifffile.imwrite(tmp_path / "m.tif", values, photometric="minisblack")
    code, _, told = parfocal("track", tmp_path / "m.tif", "--out", tmp_path, json_wanted=False)
    assert code == 2
    assert f"holds {dtype} values" in told
    assert "--counts-per-unit" in told
    assert len(told.splitlines()) == 1
    scale = 1 if dtype == "int16" else 65535
    code, summary, told = parfocal(
        "track", tmp_path / "m.tif", "--counts-per-unit", scale, "--out", tmp_path / "runs"
    )
    assert code == 0, told
    assert summary["beads"] == 1
    assert summary["frames"]["tracked"] == 12


@pytest.mark.slow
def test_a_movie_is_tracked_once_though_its_camera_is_killed(images, tmp_path):
    from parfocal.rig.opening import attach

    with tifffile.TiffWriter(tmp_path / "m.tif") as tiff:
        for number in range(1500):
            tiff.write(images[number % 12], photometric="minisblack", metadata=None)
    words = [
        sys.executable,
        "-m",
        "parfocal",
        "track",
        str(tmp_path / "m.tif"),
        "--out",
        str(tmp_path),
        "--json",
    ]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as job:
        kill_camera(attach, f"track-{job.pid}", after=100)
        printed, told = job.communicate(timeout=TIMEOUT_S)
    summary = json.loads(printed.splitlines()[-1])
    rows = read_array(Path(summary["run"]) / "tracks")
    frames = summary["frames"]
    assert summary["services"]["camera"]["restarts"] >= 1, told
    assert frames["produced"] == 1500
    assert frames["tracked"] + sum(frames["dropped"].values()) == 1500
    assert len(rows) == frames["tracked"]
    x = np.array([70.0 + 0.3 * (number % 12) for number in rows["frame"].tolist()])
    assert np.abs(rows["x_px"] - x).max() < 0.1
    if frames["tracked"] == 1500:
        assert (job.returncode, summary["outcome"]) == (0, "complete"), summary["reason"]
    else:
        assert (job.returncode, summary["outcome"]) == (3, f"incomplete: lost {1500 - frames['tracked']}")


def kill_camera(attach, rig, after):
    """Kill the camera of a rig that another process starts, once it has shown some frames.

    It cannot be through by then: it waits for this reader, which takes no more.
    """
    from parfocal.core.errors import ParfocalError

    pause = threading.Event()
    for _ in range(2000):
        try:
            with attach(rig) as running, running.stream("camera").lossless() as frames:
                for _ in range(after):
                    frames.read(timeout_s=60)
                os.kill(running.status().services["camera"].pid, signal.SIGKILL)
                return
        except (ParfocalError, KeyError):
            pause.wait(0.05)
    pytest.fail("the movie was not played")


@pytest.mark.slow
def test_a_noise_that_the_camera_cannot_have_is_told_in_the_summary(images, tmp_path):
    tifffile.imwrite(tmp_path / "bead.tif", images, photometric="minisblack")
    asked = ("track", tmp_path / "bead.tif", "--out", tmp_path / "runs", "--read-noise-e")
    code, summary, _ = parfocal(*asked, 5)
    assert (code, summary["warnings"]) == (0, [])
    code, summary, _ = parfocal(*asked, 500)
    assert code == 0
    (warning,) = summary["warnings"]
    assert warning.startswith("chi2 of good rows is 0.0")
    assert "or read_noise_e is too large" in warning
