"""Movies for tests, and what they came to when several were tracked at once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import psutil
import tifffile

from parfocal.core.clock import poll_until
from parfocal.storage import read_array
from parfocal.tracking.simulation import add_noise, bead_stack, render

from .recorded import PATIENCE_S, run_parfocal

CHILD = "parfocal.rig.offline.movie_child"


def write_movies(folder: Path) -> Path:
    """Write three movies, of which one is none; each of the others has 12 images of one bead."""
    stack = bead_stack(0.525, 0.1, [2500.0], 80)
    for name, left in (("a", 70.0), ("c", 60.0)):
        images = []
        for number in range(12):
            frame = np.full((128, 160), 1.0, np.float32)
            render(frame, stack, np.array([left + 0.3 * number]), np.array([64.0]), np.zeros(1))
            images.append(add_noise(frame * np.float32(4000), read_noise_e=5.0, seed=number))
        tifffile.imwrite(folder / f"{name}.tif", np.stack(images), photometric="minisblack")
    (folder / "b.tif").write_bytes(b"no movie")
    return folder


def begin_tracking(movies: Path, out: Path, *more: str) -> subprocess.Popen[str]:
    command = [
        sys.executable,
        "-m",
        "parfocal",
        "track",
        "a.tif",
        "b.tif",
        "c.tif",
        "none.tif",
        "--fps",
        "100",
    ]
    return subprocess.Popen(
        [*command, "--out", str(out), *more, "--json"], cwd=movies, stdout=subprocess.PIPE, text=True
    )


def assert_as_alone(movies: Path, told: dict, tmp_path: Path) -> None:
    """Check that all was tracked that can be, and the first movie as it is when it is tracked alone."""
    assert told["outcome"] == "failed"
    assert told["reason"] == "2 complete, 2 failed of 4 movies"
    assert [one["outcome"] for one in told["movies"]] == ["complete", "failed", "complete", "failed"]
    assert "not a TIFF file" in told["movies"][1]["reason"]
    assert "there is nothing at none.tif" in told["movies"][3]["reason"]
    code, alone, errors = run_parfocal(
        "track", "a.tif", "--fps", 100, "--out", tmp_path / "alone", cwd=movies
    )
    assert code == 0, errors
    rows, wanted = (read_array(Path(run) / "tracks") for run in (told["movies"][0]["run"], alone["run"]))
    for name in set(wanted.dtype.names) - {"written_ns"}:
        assert np.array_equal(rows[name], wanted[name], equal_nan=wanted[name].dtype.kind == "f"), name
    assert len(read_array(Path(told["movies"][2]["run"]) / "tracks")) == 12


def child_of(pid: int) -> psutil.Process:
    """Return a process that tracks a movie, and was started by this one, or by one that it started."""
    found: list[psutil.Process] = []

    def look() -> bool:
        for process in psutil.Process(pid).children(recursive=True):
            try:
                if CHILD in process.cmdline():
                    found.append(process)
            except psutil.Error:  # it has ended meanwhile
                continue
        return bool(found)

    assert poll_until(look, PATIENCE_S), "a movie is tracked"
    return found[0]
