"""A recorded run, used again: tracked, drawn and exported by the command line."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from parfocal.formats import open_movie
from parfocal.storage import open_frames, read_array, read_headers

TIMEOUT_S = 110


def parfocal(*arguments):
    """Run the command line; return exit code, the JSON of its last line if there is any, and stderr."""
    words = [sys.executable, "-m", "parfocal", *map(str, arguments), "--json"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    return done.returncode, json.loads(done.stdout.splitlines()[-1]) if done.stdout else None, done.stderr


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of the demo that recorded its frames."""
    folder = tmp_path_factory.mktemp("demo")
    code, summary, told = parfocal(
        "demo", "tweezers", "--seconds", 1, "--fps", 30, "--beads", 4, "--record-frames", "--out", folder
    )
    assert code == 0, told
    return Path(summary["run"])


def test_its_frames_are_tracked_again_with_their_times(run, tmp_path):
    code, summary, told = parfocal(
        "track", run, "--rois", run / "rois.json", "--zlut", run / "tables.npz", "--out", tmp_path
    )
    assert code == 0, told
    assert summary["movie"]["times_from"] == "recorded exposure ends"
    assert summary["frames"]["tracked"] == 30
    first, again = (read_array(Path(folder) / "tracks") for folder in (run, summary["run"]))
    np.testing.assert_array_equal(again["bead"], first["bead"])
    np.testing.assert_allclose(np.diff(again["time_ns"]), np.diff(first["time_ns"]), atol=2)
    np.testing.assert_allclose(again["z_nm"], first["z_nm"], atol=1e-3)


def test_its_frames_become_a_tiff_with_times_and_sizes(run, tmp_path):
    code, told, _ = parfocal("export", run, "--to", "tiff", "--out", tmp_path)
    assert code == 0
    (file,) = told["files"]
    stored = open_frames(run / "frames.ome.zarr")
    headers = read_headers(run / "frames.ome.zarr")
    with open_movie(file) as movie:
        assert len(movie) == 30
        np.testing.assert_array_equal(movie.read(17), stored[17].read().result())
        assert movie.facts.pixel_size_um == pytest.approx(0.1)
        np.testing.assert_allclose(
            movie.times_s, (headers["time_ns"] - headers["time_ns"][0]) * 1e-9, atol=1e-6
        )
    code, _, told = parfocal("export", run, "--to", "tiff", "--out", tmp_path)
    assert code != 0
    assert "exists" in told


def test_its_rows_become_csv(run):
    code, told, _ = parfocal("export", run, "--to", "csv", "--stream", "tracks")
    assert code == 0
    assert told["files"] == [str(run / "export" / "tracks.csv")]
    rows = read_array(run / "tracks")
    with Path(told["files"][0]).open(newline="") as file:
        lines = list(csv.reader(file))
    assert tuple(lines[0]) == rows.dtype.names
    assert len(lines) == len(rows) + 1
    x = rows.dtype.names.index("x_px")
    np.testing.assert_array_equal([float(line[x]) for line in lines[1:]], rows["x_px"])


def test_its_pictures_are_made_again(run, tmp_path):
    code, told, _ = parfocal("plot", run, "--out", tmp_path)
    assert code == 0
    pictures = ("tracks.png", "overlay.png", "focus.png", "magnet.png")
    assert told["files"] == [str(tmp_path / name) for name in pictures]
    for file in told["files"]:
        assert Path(file).read_bytes().startswith(b"\x89PNG")


def test_what_is_no_run_or_has_no_such_stream_is_told(run, tmp_path):
    for words in (["export", tmp_path, "--to", "csv"], ["plot", tmp_path]):
        code, _, told = parfocal(*words)
        assert code == 2
        assert "is not the folder of a run" in told
    code, _, told = parfocal("track", run, "--stream", "camra", "--out", tmp_path)
    assert code == 2
    assert "did you mean 'camera'?" in told
    code, _, told = parfocal("export", run, "--to", "csv", "--stream", "camera")
    assert code == 2
    assert "has no rows of a stream 'camera'" in told
