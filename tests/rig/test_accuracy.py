"""Errors against the truth: what counts, and what does not."""

import numpy as np
import pytest

from parfocal.rig.accuracy import tracking_errors
from parfocal.tracking.rows import Flag

DTYPE = [("frame", "u8"), ("bead", "i4"), ("x_px", "f8"), ("y_px", "f8"), ("z_nm", "f8")]
DTYPE += [("sigma_x_px", "f4"), ("sigma_y_px", "f4"), ("sigma_z_nm", "f4"), ("flags", "u4")]


def rows(frames, beads, rng, x_sigma=0.0):
    truth = np.zeros(frames * beads, DTYPE)
    truth["frame"] = np.repeat(np.arange(frames), beads)
    truth["bead"] = np.tile(np.arange(beads), frames)
    truth["x_px"] = 50.0 * truth["bead"] + rng.normal(0, 1, len(truth))
    truth["y_px"] = 30.0
    truth["z_nm"] = rng.normal(0, 100, len(truth))
    truth["sigma_x_px"] = truth["sigma_y_px"] = truth["sigma_z_nm"] = max(x_sigma, 1e-3)
    tracks = truth.copy()
    tracks["x_px"] += rng.normal(0, x_sigma, len(truth))
    return tracks, truth


def test_rms_is_that_of_the_noise():
    rng = np.random.default_rng(1)
    tracks, truth = rows(400, 20, rng, x_sigma=0.05)
    errors = tracking_errors(tracks, truth, pixel_size_nm=100.0)
    assert errors["x_rms_nm"] == pytest.approx(5.0, rel=0.05)
    assert errors["y_rms_nm"] == 0.0
    assert errors["x_over_bound"] == pytest.approx(1.0, rel=0.05)
    assert errors["beads"] == 20


def test_what_the_tracker_calls_unusable_is_left_out_and_counted():
    tracks, truth = rows(10, 10, np.random.default_rng(6))
    tracks["x_px"][:20] += 20
    tracks["flags"][:20] = Flag.BAD_FIT
    tracks["flags"][20:] = Flag.NEIGHBOUR
    errors = tracking_errors(tracks, truth, pixel_size_nm=100.0, capture_px=60.0)
    assert errors["x_rms_nm"] == 0.0
    assert errors["flagged"] == pytest.approx(0.2)


def test_other_numbers_and_another_order_of_beads_do_not_matter():
    rng = np.random.default_rng(2)
    tracks, truth = rows(10, 5, rng)
    tracks["bead"] = 100 - tracks["bead"]
    shuffled = rng.permutation(tracks)
    assert tracking_errors(shuffled, truth, pixel_size_nm=100.0)["x_rms_nm"] == 0.0


def test_a_false_bead_is_not_paired():
    rng = np.random.default_rng(3)
    tracks, truth = rows(10, 5, rng)
    tracks["x_px"][tracks["bead"] == 0] += 25
    assert tracking_errors(tracks, truth, pixel_size_nm=100.0)["beads"] == 4


def test_each_bead_may_have_a_z_origin_of_its_own():
    rng = np.random.default_rng(4)
    tracks, truth = rows(11, 5, rng)
    tracks["z_nm"] += 1000.0 * tracks["bead"]
    assert tracking_errors(tracks, truth, pixel_size_nm=100.0)["z_rms_nm"] == pytest.approx(0.0, abs=1e-9)


def test_unmeasured_rows_are_left_out():
    rng = np.random.default_rng(5)
    tracks, truth = rows(11, 5, rng)
    tracks["z_nm"] = np.nan
    errors = tracking_errors(tracks, truth, pixel_size_nm=100.0)
    assert np.isnan(errors["z_rms_nm"])
    assert errors["x_rms_nm"] == 0.0


def test_nothing_in_common_is_no_error():
    nothing = np.zeros(0, DTYPE)
    assert tracking_errors(nothing, nothing, pixel_size_nm=100.0)["beads"] == 0
