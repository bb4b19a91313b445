"""A disk that fills in mid-acquisition: told and counted, what was written is readable, all is at rest."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

import parfocal
from parfocal.core.clock import poll_until
from parfocal.core.errors import RunFailedError
from parfocal.rig.opening import open_rig
from parfocal.storage import read_array

pytestmark = [
    pytest.mark.slow,
    pytest.mark.usefixtures("shared_roots"),
    pytest.mark.skipif(sys.platform != "linux", reason="limits the files of another process"),
]
WAIT_S = 60.0
MANIFEST_BYTES = 200_000
"""What is left for the record itself, as the reserve leaves it on a disk that is full."""
SMALL = {
    "camera.options.width_px": 256,
    "camera.options.height_px": 256,
    "camera.options.beads": 4,
    "camera.options.stuck": 1.0,
    "camera.options.frame_rate_hz": 50.0,
    "camera.slots": 256,
}


@pytest.fixture(scope="module")
def rig(shared_roots, tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("full"))
    with open_rig("tweezers", name="full", changes=SMALL | {"recorder.folder": folder}) as rig:
        rig["camera"].start()
        assert rig["tracker"].find_beads(timeout_s=WAIT_S).rois
        rig["camera"].stop()
        rig["xy_lock"].on()
        yield rig


@pytest.fixture
def fill(rig):
    """Have no file of the recorder grow any more, as on a full disk."""
    import resource

    pid = rig.status().services["recorder"].pid
    soft, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)

    def fill() -> None:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (MANIFEST_BYTES, hard))

    yield fill
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (soft, hard))
    assert rig.status().services["recorder"].pid == pid


@pytest.mark.parametrize("policy", ["stop", "go on"])
def test_a_disk_that_fills_during_a_pull(rig, fill, policy):
    rig["recorder"].set_settings({"on_storage_error": policy})
    pull = rig.ramp_force(start_pn=4.0, stop_pn=6.0, rate_pn_per_s=0.25, mode="tracks+video", name=policy)
    assert poll_until(lambda: pull.status().frames_stored > 0, WAIT_S)
    fill()
    if policy == "stop":
        with pytest.raises(RunFailedError, match="is full"):
            pull.wait(WAIT_S)
        status = pull.status()
    else:
        status = pull.wait(WAIT_S)
        assert poll_until(lambda: pull.status().errors.count > 0, WAIT_S)
        assert "DiskFullError" in pull.status().errors.last[0].message
    assert status.outcome.startswith("failed" if policy == "stop" else "incomplete: lost ")
    assert "is full" in status.reason
    for service in ("magnet", "focus"):
        assert poll_until(lambda name=service: not rig[name].is_moving(), WAIT_S)
    assert poll_until(lambda: not rig["camera"].is_running(), WAIT_S)
    check_record(Path(status.folder), status.outcome)


def check_record(folder, outcome):
    """Each stream's account balances, and what counts as stored can be read."""
    record = parfocal.open_run(folder)
    assert record.manifest.outcome == outcome
    assert any("DiskFullError" in line for line in record.manifest.errors)
    streams = record.manifest.streams
    assert all(one.expected == one.stored + one.lost for one in streams.values())
    assert streams["camera"].stored > 0
    assert streams["camera"].lost > 0
    pictures = np.asarray(record.frames("camera"))
    assert int((pictures.max(axis=(1, 2)) > 0).sum()) == streams["camera"].stored
    for name in ("tracks", "force", "magnet"):
        assert len(read_array(folder / streams[name].path)) == streams[name].stored
    tracks = read_array(folder / "tracks")
    assert len(set(zip(tracks["frame"].tolist(), tracks["bead"].tolist(), strict=True))) == len(tracks)
