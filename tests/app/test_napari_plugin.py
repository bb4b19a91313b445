"""The plugin in a napari of somebody else's, on a display in memory: manifest, reader, docks."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from parfocal.app import napari_plugin
from parfocal.formats import FILE_SUFFIXES

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

MANIFEST = Path(napari_plugin.__file__).parent / "napari.yaml"
SCRIPT = Path(__file__).parent / "napari_session.py"
LONG_S = 300


@pytest.fixture
def display():
    """Run a display in memory; its name."""
    reading, writing = os.pipe()
    command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", "1600x1000x24", "-nolisten", "tcp"]
    with subprocess.Popen(command, pass_fds=(writing,), stderr=subprocess.DEVNULL) as server:
        os.close(writing)
        with open(reading) as told:
            number = told.readline().strip()
        assert number, "Xvfb did not start"
        yield f":{number}"
        server.terminate()


def test_the_manifest_is_valid_and_claims_what_our_formats_read():
    program = Path(sys.executable).with_name("npe2")
    done = subprocess.run(
        [program, "validate", "--imports", "parfocal"], capture_output=True, text=True, timeout=LONG_S
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (reader,) = yaml.safe_load(MANIFEST.read_text("utf-8"))["contributions"]["readers"]
    assert set(reader["filename_patterns"]) == {f"*{suffix}" for suffix in (*FILE_SUFFIXES, ".zarr")}
    assert reader["accepts_directories"]


def test_docks_and_reader_in_a_napari_that_somebody_started(display, tmp_path):
    folder = Path(os.environ.get("PARFOCAL_PICTURES", tmp_path))
    environment = {
        **os.environ,
        "DISPLAY": display,
        "QT_QPA_PLATFORM": "xcb",
        "NAPARI_CONFIG": str(tmp_path / "napari.yaml"),
    }
    command = [
        sys.executable,
        "-W",
        "error::ResourceWarning",
        str(SCRIPT),
        str(tmp_path / "runs"),
        str(folder),
    ]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=LONG_S)
    assert done.returncode == 0, done.stderr[-4000:]
    assert done.stdout.splitlines()[-1] == "all went well"
    assert (folder / "napari-plugin.png").stat().st_size > 10_000
