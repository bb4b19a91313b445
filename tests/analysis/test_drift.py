"""From rows of the tracker to rows of drift, across new numbers, gone beads and a restart."""

from __future__ import annotations

import numpy as np
import pytest

from parfocal.analysis.beads.drift import DRIFT_DTYPE, DriftFeed, drift_rows
from parfocal.analysis.beads.rows import TRACK_DTYPE
from parfocal.analysis.beads.track_feed import TrackFeed
from parfocal.core.errors import BadInputError
from parfocal.storage.less_drift import less_drift, less_motion_of
from parfocal.tracking.rows import Flag
from parfocal.tracking.running_drift import FrameDrift

PIXEL_NM = 100.0
STUCK = (3, 5, 8)
BEADS = (*STUCK, 9)


class Field:
    """Stuck beads and one that moves, over a sample that drifts; rows as the tracker publishes them."""

    def __init__(self, tmp_path, owner=1):
        self.rng = np.random.default_rng(1)
        self.path, self.frame, self.version = tmp_path / "tracker.drift", 0, 0
        self.rows, self.tracks, self.true = [], [], []
        self.restart(owner)

    def restart(self, owner=1):
        self.drift = DriftFeed(self.rows.append, self.path, owner, PIXEL_NM)
        self.feed = TrackFeed(self.drift)

    def run(self, frames, lost=(), beads=BEADS):
        """Publish frames one by one, and pass them on in a lump."""
        for _ in range(frames):
            seconds = self.frame * 0.01
            drift_nm = np.array([20 * seconds, -10 * seconds, 5 * np.sin(seconds)])
            rows = np.zeros(len(beads), TRACK_DTYPE)
            rows["frame"], rows["time_ns"] = self.frame, round(seconds * 1e9) + 7_000_000_000
            rows["bead"], rows["roi_version"] = beads, self.version
            for row in rows:
                own = 200.0 * self.rng.standard_normal(3) if row["bead"] == BEADS[-1] else 0.0
                at = drift_nm + own + 0.5 * self.rng.standard_normal(3)
                row["x_px"], row["y_px"], row["z_nm"] = 50 + at[0] / 100, 60 + at[1] / 100, at[2]
                if row["bead"] in lost:
                    row["x_px"], row["flags"] = 0.0, Flag.EMPTY
            self.true.append(drift_nm)
            self.tracks.append(rows)
            self.feed.put(rows)
            self.frame += 1
        self.feed.pass_on()

    def drifts(self):
        return np.concatenate([np.zeros(0, DRIFT_DTYPE), *self.rows])

    def worst_nm(self):
        """Return how far the rows of drift are from what is true, at most."""
        rows = self.drifts()
        found = np.stack([rows["x_nm"], rows["y_nm"], rows["z_nm"]], axis=1)
        apart = found - np.stack(self.true)[rows["frame"].astype(int)]
        apart = apart[np.isfinite(apart).all(axis=1)]
        return np.abs(apart - apart[:50].mean(axis=0)).max()


def test_a_row_for_each_frame_says_how_far_and_by_whom(tmp_path):
    field = Field(tmp_path)
    field.run(10)
    assert not len(field.drifts()), "nobody has named references"
    assert field.drift.choose(STUCK).references == STUCK
    field.run(60)
    field.run(60, lost=(5,))
    field.run(60)
    rows = field.drifts()
    assert rows["frame"].tolist() == list(range(10, 190))
    assert np.isnan(rows["x_nm"][:20]).all(), "20 frames tell where the references lie"
    assert np.isfinite(rows["x_nm"][20:]).all()
    assert set(rows["references"].tolist()) == {3}
    assert (rows["used"][100], rows["lost"][100]) == (2, "5")
    assert (rows["used"][-1], rows["lost"][-1]) == (3, "")
    assert field.drift.status.used == 3
    assert field.worst_nm() < 2.5


def test_a_restart_new_numbers_and_gone_beads_make_no_step(tmp_path):
    field = Field(tmp_path)
    field.drift.choose(STUCK)
    field.run(100)
    field.restart()
    field.run(100)
    field.version = 4
    field.feed.renumber({5: 0, 8: 1, 9: 2}, version=4)
    assert field.drift.status.references == (0, 1)
    field.run(100, beads=(0, 1, 2))
    field.version = 3
    field.run(10, beads=(0, 1, 2))  # rows of regions before that are late
    assert len(field.drifts()) == 300
    assert np.isfinite(field.drifts()["x_nm"][20:]).all()
    assert field.worst_nm() < 2.5
    field.feed.renumber({}, version=5)
    assert field.drift.status.references == ()


def test_what_another_rig_left_is_left_alone(tmp_path):
    field = Field(tmp_path)
    field.drift.choose(STUCK)
    field.run(30)
    field.restart(owner=2)
    assert field.drift.status.references == ()


def test_a_drift_in_nm_needs_the_size_of_a_pixel(tmp_path):
    feed = DriftFeed(len, tmp_path / "drift", 1, np.nan)
    with pytest.raises(BadInputError, match="does not say how large its pixels are"):
        feed.choose([1])


def test_tracks_less_what_was_told_and_less_what_references_did(tmp_path):
    field = Field(tmp_path)
    field.drift.choose(STUCK)
    field.run(300, lost=())
    tracks = np.concatenate(field.tracks)
    told, fitted = less_drift(tracks, field.drifts(), PIXEL_NM), less_motion_of(tracks, STUCK)
    assert np.isnan(told["x_px"][:20]).all(), "no drift was told yet"
    for rows in (told, fitted):
        still, moving = (rows[rows["bead"] == bead] for bead in (3, 9))
        assert np.nanstd(still["x_px"]) * PIXEL_NM < 1.0
        assert np.nanstd(still["z_nm"]) < 1.0
        assert 150 < np.nanstd(moving["x_px"]) * PIXEL_NM < 250
    with pytest.raises(BadInputError, match=r"no rows of beads \[77\]; there are those of \[3, 5, 8, 9\]"):
        less_motion_of(tracks, [3, 77])


def test_rows_that_nobody_passes_on_are_counted():
    feed = TrackFeed()
    for _ in range((1 << 14) + 3):
        feed.put(np.zeros(1, TRACK_DTYPE))
    assert feed.missed == 3


def test_lost_references_that_have_no_room_in_a_row_are_no_other_beads():
    many = range(100, 130)
    nothing = FrameDrift(np.full(3, np.nan), 0, tuple(many))
    (row,) = drift_rows(np.array([1]), np.array([5]), [nothing], len(many))
    *told, dots = row["lost"].split(", ")
    assert dots == "..."
    assert [int(bead) for bead in told] == list(many)[: len(told)]
