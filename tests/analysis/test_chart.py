"""The picture of a run's tracks, and what it is drawn from."""

import numpy as np
import pytest
from PIL import Image

from parfocal.analysis.beads.chart import draw_chart
from parfocal.analysis.beads.quality import bead_quality
from parfocal.analysis.beads.rows import TRACK_DTYPE
from parfocal.tracking.rows import Flag


def tracks(frames, beads, *, z=True):
    """Rows of beads that diffuse; the last one is never usable."""
    rng = np.random.default_rng(1)
    rows = np.zeros((frames, beads), TRACK_DTYPE)
    rows["frame"] = np.arange(100, 100 + frames)[:, None]
    rows["time_ns"] = rows["frame"] * 10**7
    rows["bead"] = np.arange(beads)
    for name in ("x_px", "y_px", "z_nm"):
        rows[name] = 50 + np.cumsum(rng.normal(0, 0.1, (frames, beads)), axis=0)
    rows["chi2"] = rng.normal(1, 0.02, (frames, beads))
    rows["sigma_x_px"] = rows["sigma_y_px"] = 0.003
    rows["sigma_z_nm"] = 1.0
    if not z:
        rows["z_nm"] = rows["sigma_z_nm"] = np.nan
    rows["flags"][:, -1] = Flag.BAD_FIT
    rows["chi2"][:, -1] = 30
    return rows.ravel()


@pytest.mark.parametrize(
    ("frames", "beads", "tall"), [(1, 1, 407), (1, 60, 407), (5000, 1, 297), (3, 2, 792), (200, 60, 1452)]
)
@pytest.mark.parametrize("z", [True, False])
def test_any_run_has_a_picture(frames, beads, tall, z, tmp_path):
    rows = tracks(frames, beads, z=z)
    draw_chart(rows, tmp_path / "tracks.png", title="a movie", pixel_size_nm=100.0 if z else None, seconds=z)
    with Image.open(tmp_path / "tracks.png") as picture:
        width, height = picture.size
        assert np.asarray(picture.convert("L")).std() > 5
    assert width == 1320
    assert height == tall


def test_a_run_in_which_nothing_was_measured_has_one_too(tmp_path):
    rows = tracks(20, 2)
    for name in ("x_px", "y_px", "z_nm", "sigma_x_px", "sigma_y_px", "sigma_z_nm", "chi2"):
        rows[name] = np.nan
    rows["flags"] = Flag.EMPTY
    draw_chart(rows, tmp_path / "tracks.png", title="nothing")
    assert (tmp_path / "tracks.png").exists()


def test_quality_is_that_of_each_bead():
    rows = tracks(100, 3)
    quality = bead_quality(rows[np.random.default_rng(2).permutation(len(rows))])
    assert quality["bead"].tolist() == [0, 1, 2]
    assert quality["rows"].tolist() == [100, 100, 100]
    assert quality["unusable"].tolist() == [0, 0, 1]
    assert quality["chi2"] == pytest.approx([1, 1, 30], abs=0.02)
    assert quality["sigma_z_nm"].tolist() == [1, 1, 1]
