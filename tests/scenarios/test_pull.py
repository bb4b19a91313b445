"""A pull from end to end: locks on, video of the regions, against the truth; and what may befall it."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import numpy as np
import pytest

import parfocal
from parfocal.core.clock import poll_until
from parfocal.core.errors import RunFailedError
from parfocal.devices.simulated.forces import magnet_force_pn
from parfocal.rig.accuracy import tracking_errors
from parfocal.rig.opening import open_rig
from parfocal.storage import read_array

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("shared_roots")]
WAIT_S = 120.0
NM_PER_PX = 100.0  # of the simulated camera
SMALL = {
    "camera.options.width_px": 256,
    "camera.options.height_px": 256,
    "camera.options.beads": 4,
    "camera.options.stuck": 0.5,
    "camera.options.frame_rate_hz": 50.0,
    "camera.slots": 512,
}


@pytest.fixture(scope="module")
def tweezers(shared_roots, tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("pulls"))
    with open_rig("tweezers", name="pulls", changes=SMALL | {"recorder.folder": folder}) as rig:
        rig["camera"].start()
        assert rig["tracker"].find_beads(timeout_s=WAIT_S).rois
        rig["tracker"].build_tables(timeout_s=WAIT_S)
        yield rig


@pytest.fixture
def rig(tweezers):
    """The rig with both locks on while the sample drifts; afterwards magnet and focus stand still."""
    beads = list(tweezers["tracker"].list_rois().beads)
    tweezers["camera"].set_drift(x_nm_per_s=20.0, z_nm_per_s=4.0)
    tweezers["xy_lock"].set(interval_s=0.2, window=5)
    tweezers["xy_lock"].on()
    lock = tweezers["z_lock"]
    lock.set(beads=beads, interval_s=0.2, window=5, while_claimed="correct")
    lock.on()
    assert poll_until(lambda: lock.status().state == "holding", WAIT_S)
    yield tweezers
    assert poll_until(lambda: not tweezers["magnet"].is_moving(""), WAIT_S)
    lock.off()
    tweezers["xy_lock"].off()
    tweezers["camera"].set_drift()
    assert poll_until(lambda: not tweezers["focus"].is_moving(), WAIT_S)
    assert tweezers["magnet"].traffic().claimed_by == ""


def test_force_rate_and_height_of_a_whole_pull_against_the_truth(rig):
    pull = rig.ramp_force(start_pn=1.0, stop_pn=10.0, rate_pn_per_s=0.5, mode="tracks+roi-video", name="pull")
    status = pull.wait(WAIT_S)
    record = parfocal.open_run(status.folder)
    streams = record.manifest.streams
    assert status.outcome == record.manifest.outcome == "complete", status.reason
    beads = len(rig["tracker"].list_rois().rois)
    frames = status.frames_received
    assert streams["roi_video"].stored == frames
    assert streams["tracks"].stored == streams["roi_corners"].stored == beads * frames
    assert min(streams[name].stored for name in ("xy_corrections", "z_corrections", "focus", "magnet")) > 0
    forces = record.rows("force")
    slope = np.polyfit(forces["time_ns"] * 1e-9, forces["force_pn"], 1)[0]
    true_pn = np.array([magnet_force_pn(height) for height in forces["height"]])
    true_slope = np.polyfit(forces["time_ns"] * 1e-9, true_pn, 1)[0]
    print(f"rate {slope:.4f} pN/s, true {true_slope:.4f}")
    assert slope == pytest.approx(0.5, rel=0.02)
    assert true_slope == pytest.approx(0.5, rel=0.04)  # the table itself is measured, to some percent
    np.testing.assert_allclose(forces["force_pn"], forces["asked_pn"], rtol=0.02)
    errors = tracking_errors(record.rows("tracks"), record.rows("truth"), pixel_size_nm=NM_PER_PX)
    print(errors)
    assert errors["beads"] == beads
    assert errors["z_rms_nm"] < 20
    assert errors["x_rms_nm"] < 10


@pytest.mark.parametrize("victim", ["tracker-1", "tracker"])
def test_a_tracker_that_is_killed_in_a_pull_is_in_its_record_and_nothing_is_unaccounted_for(rig, victim):
    before = rig.status().services[victim].restarts
    pull = rig.ramp_force(start_pn=2.0, stop_pn=5.0, rate_pn_per_s=0.3, mode="tracks+roi-video", name=victim)
    assert poll_until(lambda: (pull.status().event_fraction or 0.0) > 0.2, WAIT_S)
    os.kill(rig.status().services[victim].pid, signal.SIGKILL)
    status = pull.wait(WAIT_S)
    assert poll_until(lambda: rig.status().services[victim].restarts == before + 1, WAIT_S)
    record = parfocal.open_run(status.folder)
    manifest = record.manifest
    assert status.outcome == manifest.outcome
    assert status.outcome == "complete" or status.outcome.startswith("incomplete: lost"), status.reason
    assert any(victim in one.service for one in manifest.incidents)
    assert all(one.expected == one.stored + one.lost for one in manifest.streams.values())
    if status.outcome == "complete":
        assert not any(one.lost for one in manifest.streams.values())
        assert not any(manifest.losses.values())
    tracks = record.rows("tracks")
    pairs = set(zip(tracks["frame"].tolist(), tracks["bead"].tolist(), strict=True))
    assert len(pairs) == len(tracks) == manifest.streams["tracks"].stored
    forces = record.rows("force")
    assert forces["force_pn"][-1] == pytest.approx(5.0, rel=0.02)  # the pull itself went on


@pytest.mark.parametrize("how", ["cancelled", "failed"])
def test_a_pull_that_ends_before_its_time_leaves_all_at_rest_and_a_record_that_says_why(rig, how):
    pull = rig.ramp_force(start_pn=2.0, stop_pn=10.0, rate_pn_per_s=0.25, mode="tracks+roi-video", name=how)
    assert poll_until(lambda: (pull.status().event_fraction or 0.0) > 0.05, WAIT_S)
    if how == "cancelled":
        pull.cancel("enough")
        status = pull.wait(WAIT_S)
        assert "enough" in status.reason
    else:
        os.kill(rig.status().services["force"].pid, signal.SIGKILL)
        with pytest.raises(RunFailedError, match="force"):
            pull.wait(WAIT_S)
        status = pull.status()
        assert poll_until(lambda: rig.status().services["force"].state == "ready", WAIT_S)
    assert status.outcome == how
    assert poll_until(lambda: not rig["magnet"].is_moving(""), WAIT_S)
    manifest = parfocal.open_run(status.folder).manifest
    assert manifest.outcome == how
    assert manifest.streams["roi_video"].stored > 0
    assert len(read_array(Path(status.folder) / "force")) == manifest.streams["force"].stored > 0
