"""``parfocal snap`` and ``live``: what a camera sees, without a run."""

import os
import re
import signal
import subprocess
import sys

import numpy as np
import pytest

from parfocal.cli.app import run
from parfocal.formats import open_movie
from parfocal.processes import directory
from parfocal.rig.config import load_config
from parfocal.rig.opening import open_rig
from parfocal.rig.snap import snap_frame
from parfocal.viewers import list_viewers

OPTIONS = {"width_px": 160, "height_px": 120, "beads": 1, "frame_rate_hz": 50.0}
EYE = {
    "name": "eye",
    "services": {
        "camera": {"kind": "camera", "settings": {"device": "simulated-camera", "options": OPTIONS}},
        "focus": {"kind": "stage", "settings": {"device": "simulated-focus"}},
    },
}

pytestmark = pytest.mark.usefixtures("shared_roots")


@pytest.fixture(scope="module")
def shared_eye(shared_roots):
    with open_rig(load_config(EYE)) as rig:
        yield rig


@pytest.fixture
def eye(shared_eye):
    """The rig of all these tests; its camera stands still before and after each."""
    yield shared_eye
    shared_eye["camera"].stop()


def test_a_snap_tells_what_is_in_it_and_writes_it(eye, tmp_path, capsys):
    for name in ("seen.png", "counts.tif"):
        assert run(["snap", "--out", str(tmp_path / name)]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert re.search(r"eye/camera frame \d+: 160 x 120 px, uint16, counts \d+ to \d+, mean \d+, in ", told)
    with open_movie(tmp_path / "counts.tif") as movie:
        counts = movie.read(0)
    with open_movie(tmp_path / "seen.png") as picture:
        assert picture.read(0).shape[:2] == counts.shape == (120, 160)
    assert counts.dtype == np.uint16
    assert counts.std() > 50
    assert not eye["camera"].is_running()


def test_a_snap_of_an_exposing_camera_leaves_it_exposing(eye):
    eye["camera"].start()
    first, second = (snap_frame(eye) for _ in range(2))
    assert second.header.frame > first.header.frame
    assert eye["camera"].is_running()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--out", "seen.jpg"], 2, "ends in .png or .tif"),
        (["--out", "nowhere/seen.png"], 2, "there is no folder"),
        (["--camera", "focus"], 2, "is no camera: it has no command 'snap'"),
        (["--camera", "camra"], 4, "did you mean 'camera'?"),
    ],
)
def test_what_cannot_be_snapped_is_refused(eye, arguments, code, said, capsys):
    before = eye.stream("camera").produced
    assert run(["snap", *arguments]) == code
    assert said in " ".join(capsys.readouterr().err.split())
    assert eye.stream("camera").produced == before


def test_a_service_that_a_rig_lacks_is_not_there_for_any_command(eye, capsys):
    for command in (["call", "camra", "start"], ["restart", "camra"], ["settings", "camra"]):
        assert run(command) == 4, command
        assert "rig 'eye' has no service 'camra'; did you mean 'camera'?" in capsys.readouterr().err


def test_a_list_of_rigs_tells_where_their_logs_lie(eye, capsys):
    assert run(["rigs"]) == 0
    assert str(directory.runtime_root()) in capsys.readouterr().out.replace("\n", "")


@pytest.mark.skipif(os.name == "nt", reason="sends SIGINT")
@pytest.mark.parametrize("exposing", [False, True])
def test_live_exposes_until_ctrl_c_and_leaves_the_camera_as_it_was(eye, exposing):
    if exposing:
        eye["camera"].start()
    command = [sys.executable, "-u", "-m", "parfocal", "live", "--viewer", "headless"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as live:
        assert "eye/camera is exposing" in live.stdout.readline()
        assert eye["camera"].is_running()
        assert [info.name for info in list_viewers()] == ["eye-live"]
        live.send_signal(signal.SIGINT)
        assert live.wait(timeout=60) == 130
    assert eye["camera"].is_running() == exposing
    assert list_viewers() == ()
