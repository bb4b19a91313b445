"""The live radial profile of a watched bead."""

import numpy as np
import pytest

from parfocal.analysis.beads.profile import PROFILE_DTYPE
from parfocal.core.clock import poll_until
from parfocal.core.errors import CommandError, StreamTimeoutError
from parfocal.streams import open_stream


def next_frames(reader, frames):
    """Return the rows of the next `frames` frames, the first of them whole."""
    rows = np.zeros(0, PROFILE_DTYPE)
    while len(np.unique(rows["frame"])) < frames:
        rows = np.concatenate([rows, reader.read(timeout_s=60)])
    return rows


def readers_for_profiles(bench):
    """Return the accounts of what reads frames for profiles."""
    readers = open_stream(bench.streams, "camera").status().readers
    return [reader for reader in readers if reader.name.endswith(".profiles")]


def test_a_watched_bead_has_its_profile_beside_its_model(rig):
    bench = rig(camera={"stuck": 1.0, "beads": 2}, workers=2)
    camera, tracker, focus = bench.client("camera"), bench.client("tracker"), bench.client("focus")
    camera.call("start", timeout_s=30)
    assert len(tracker.call("find_beads", timeout_s=30)["rois"]) == 2
    assert readers_for_profiles(bench) == [], "nobody watches"
    with open_stream(bench.streams, "profiles").lossless() as reader:
        tracker.call("watch_profile", 1, every=2)
        rows = next_frames(reader, 3)
        assert np.isnan(rows["model"]).all(), "there is no table yet"
        sweep = {"z_min_nm": -600.0, "z_max_nm": 600.0, "frames_per_plane": 3}
        quality = tracker.call("build_tables", **sweep, timeout_s=60)
        focus.call("move_to", 150.0, timeout_s=30)
        while np.isnan(rows["model"]).any() or rows["flags"].any():
            rows = next_frames(reader, 1)
        rows = next_frames(reader, 5)
        frames = np.unique(rows["frame"]).astype(int)
        assert (np.diff(frames) % 2 == 0).all()
        assert set(rows["bead"]) == {1}
        one = rows[rows["frame"] == rows["frame"][0]]
        assert len(one) == 32
        assert (np.abs(one["r_px"] - np.arange(0.5, 32)) < 0.5).all()
        noise = np.sqrt(one["intensity"] / one["pixels"])
        assert np.abs((one["intensity"] - one["model"]) / noise).max() < 6
        assert np.ptp(one["intensity"]) > 20 * noise.max(), "there are rings"
        assert one["chi2"][0] == pytest.approx(quality["chi2"][1], rel=0.15), "as in the sweep"
        (ledger,) = readers_for_profiles(bench)
        assert ledger.balances
        assert ledger.delivered > 5

        tracker.call("remove_roi", 1)
        assert tracker.call("state")["profile"] == {
            "bead": 1, "every": 2, "silent": "the bead has no region any more",
        }  # fmt: skip
        with pytest.raises(CommandError, match="there is no bead 1"):
            tracker.call("watch_profile", 1)
        while True:
            try:
                reader.read(timeout_s=0.5)  # what was written before
            except StreamTimeoutError:
                break
        tracker.call("watch_profile", 0)
        beads = []
        while 0 not in beads:  # a last one of the other may come late
            beads = reader.read(timeout_s=60)["bead"].tolist()
        assert set(reader.read(timeout_s=60)["bead"]) == {0}
        tracker.call("unwatch_profile")
        assert tracker.call("state")["profile"] is None
    assert poll_until(lambda: not any(reader.alive for reader in readers_for_profiles(bench)), 60)
