"""Heights near the ends of a table, beyond them, and near focus: right, or flagged."""

from __future__ import annotations

import numpy as np
import pytest

from parfocal.tracking import BeadTracker, Flag, ZTableBuilder
from parfocal.tracking.seed import rank_by_rings, sum_rings
from parfocal.tracking.simulation import SymmetricBead

ROI, GAIN, READ_NOISE = 64, 0.5, 8.0
CAMERA = {"gain_e_per_adu": GAIN, "read_noise_e": READ_NOISE}


def expose(images, light, rng):
    electrons = rng.poisson(np.maximum(light * images, 0)) + rng.normal(0, READ_NOISE, images.shape)
    return np.clip(np.floor(electrons / GAIN + 0.5), 0, 65535).astype(np.uint16)


def swept(bead, heights, frames, light, rng):
    builder = ZTableBuilder(roi_px=ROI, n_beads=1, **CAMERA)
    for z in heights:
        places = 31.5 + rng.uniform(-2, 2, (frames, 2))
        for image in expose(np.stack([bead.image(x, y, z, ROI) for x, y in places]), light, rng):
            builder.add(image, [(0, 0)], z_nm=z)
    return builder.finish()


def tracked(tables, bead, low, high, count, light, rng, track):
    """Return errors of z, and rows, of beads between two heights."""
    places = np.hstack([31.5 + rng.uniform(-0.5, 0.5, (count, 2)), rng.uniform(low, high, (count, 1))])
    images = expose(np.stack([bead.image(*place, ROI) for place in places]), light, rng)
    rows = track(BeadTracker(tables, ROI, **CAMERA), images)
    return rows["z_nm"] - places[:, 2], rows


@pytest.mark.parametrize("light", [200.0, 5000.0])
def test_sigma_and_flags_are_right_up_to_the_last_usable_nanometre(light, track):
    rng = np.random.default_rng(1)
    bead = SymmetricBead(0.525, 0.1, (400.0, 3600.0), 2.2 * ROI)
    tables = swept(bead, np.arange(1000.0, 3001, 100), 30, light, rng)
    low, high = tables.usable_nm[0]
    assert (low, high) == (1100.0, 2900.0)
    for inside in ((low, low + 50), (high - 50, high)):
        error, rows = tracked(tables, bead, *inside, 300, light, rng, track)
        far = np.abs(error / rows["sigma_z_nm"])
        assert np.sqrt(np.mean(far**2)) < 1.3
        unsure = np.minimum(rows["z_nm"] - low, high - rows["z_nm"]) < 4 * rows["sigma_z_nm"]
        assert (rows["flags"][~unsure] == 0).all()
    for beyond in ((low - 200, low - 50), (high + 50, high + 200)):
        _, rows = tracked(tables, bead, *beyond, 300, light, rng, track)
        assert (rows["flags"] & Flag.OFF_TABLE).all()


def test_the_cell_that_is_left_out_is_that_of_the_sweep(track):
    rng = np.random.default_rng(2)
    bead = SymmetricBead(0.525, 0.1, (400.0, 3600.0), 2.2 * ROI)
    tables = swept(bead, [1000.0, 1050, 1100, 1300, 1600, 1900, 2200, 2500, 2750, 3000], 3, 5000.0, rng)
    assert tables.usable_nm[0].tolist() == [1100.0, 2750.0]
    assert (tables.first_nm, tables.last_nm) == (1000.0, 3000.0)


@pytest.mark.parametrize(("radius", "light"), [(1.4, 200.0), (0.525, 60.0)])
def test_heights_that_cannot_be_told_apart_are_flagged(radius, light, track):
    rng = np.random.default_rng(3)
    bead = SymmetricBead(radius, 0.1, (-2100.0, 2100.0), 2.2 * ROI)
    tables = swept(bead, np.arange(-1500.0, 1501, 100), 12, light, rng)
    error, rows = tracked(tables, bead, -800, 800, 600, light, rng, track)
    wrong = np.abs(error) > np.maximum(6 * rows["sigma_z_nm"], 40)
    assert (wrong & (rows["flags"] == 0)).mean() < 0.004
    assert (rows["flags"] & Flag.AMBIGUOUS > 0).any()
    assert (rows["flags"] == 0).mean() > 0.85


def test_sigma_of_z_holds_the_noise_of_a_table_of_few_images(track):
    bead = SymmetricBead(0.525, 0.1, (400.0, 3600.0), 2.2 * ROI)
    squares = []
    for seed in range(6):  # each table is off in its own way
        rng = np.random.default_rng([5, seed])
        tables = swept(bead, np.arange(1000.0, 3001, 100), 2, 5000.0, rng)
        error, rows = tracked(tables, bead, 1200, 2800, 100, 5000.0, rng, track)
        squares.append((error / rows["sigma_z_nm"]) ** 2)
    assert 0.9 < np.sqrt(np.mean(squares)) < 1.1  # 1.22 if only the image's own noise counts


def test_rings_of_all_pixels_tell_heights_apart_that_spokes_do_not(field):
    light, middle = 50.0, (ROI - 1) / 2
    x, y = (axis.ravel() for axis in np.meshgrid(np.arange(ROI, dtype=np.float32), np.arange(ROI)))
    values = expose(field.bead.image(middle, middle, 2500.0, ROI), light, np.random.default_rng(4))
    electrons, seen = (values * GAIN).astype(np.float32).ravel(), np.ones(ROI**2, np.float32)
    coarse = field.tables.coarse(ROI // 2 - 1)[0]
    rings, score = np.zeros((coarse.shape[1], 2)), np.zeros(len(coarse))
    sum_rings(electrons, seen, x, y.astype(np.float32), middle, middle, ROI**2, rings)
    rank_by_rings(rings, coarse, light + READ_NOISE**2, score)
    true = round((2500.0 - field.tables.first_nm) / field.tables.step_nm)
    assert score.argmax() == true
    radii, means = np.arange(len(rings)), rings[:, 0] / np.maximum(rings[:, 1], 1)
    assert rings[:, 1].sum() == (np.hypot(x - middle, y - middle) < len(rings) - 0.5).sum()

    def left(plane):  # chi2 of the rings after a straight fit of this plane, by an independent method
        weight = np.sqrt(rings[:, 1] / (light + READ_NOISE**2))
        design = np.stack([plane, np.ones(len(radii))], axis=1) * weight[:, None]
        solved = np.linalg.lstsq(design, means * weight, rcond=None)[0]
        return ((means * weight - design @ solved) ** 2).sum()

    nothing = left(np.zeros(len(radii)))
    assert nothing - left(coarse[true]) == pytest.approx(score[true] ** 2, rel=1e-3)
    others = np.abs(np.arange(len(score)) - true) > 3
    assert score[true] ** 2 - np.maximum(score[others], 0).max() ** 2 > 30
