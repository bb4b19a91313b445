"""The tracker: at the bound, honest about it, and never disturbed by a bad region."""

from __future__ import annotations

import numpy as np
import pytest

from parfocal.core.errors import BadInputError, TrackingError
from parfocal.tracking import ROW_DTYPE, BeadTracker, Flag, ZTableBuilder, cramer_rao


def errors(rows, places):
    return np.stack([rows["x_px"], rows["y_px"], rows["z_nm"]], axis=1) - places


def rms(values):
    return np.sqrt(np.mean(np.square(values), axis=0))


def test_errors_reach_the_cramer_rao_bound_and_sigma_tells_them(field, track):
    places = field.places(400, seed=2)
    rows = track(BeadTracker(field.tables, 64, **field.camera), field.expose(field.images(places), 3))
    error, bound = errors(rows, places), field.bound(places)
    assert (rms(error) < 1.15 * rms(bound)).all()
    sigma = np.stack([rows["sigma_x_px"], rows["sigma_y_px"], rows["sigma_z_nm"]], axis=1)
    assert (np.abs(rms(error / sigma) - 1) < 0.15).all()
    assert 0.97 < rows["chi2"].mean() < 1.03
    assert (rows["flags"] == 0).mean() > 0.99
    assert abs(rows["amplitude"].mean() - 1) < 0.01
    assert abs(rows["offset"].mean() * 4.9 / 5000 - 1) < 0.02


def test_z_does_not_depend_on_the_place_within_a_pixel(field, track):
    grid = 31.5 + np.linspace(-0.5, 0.5, 6)
    places = np.array([(x, y, 2500.0) for x in grid for y in grid])
    still = (1000 * field.images(places)).astype(np.float32)
    rows = track(BeadTracker(field.tables, 64, **field.camera), still)
    assert np.ptp(rows["z_nm"]) < 2


def test_without_tables_x_and_y_are_at_the_bound_and_z_is_nan(field, track):
    places = field.places(300, seed=4)
    rows = track(BeadTracker(None, 64, **field.camera), field.expose(field.images(places), 5))
    error = errors(rows, places)[:, :2]
    assert (rms(error) < 1.15 * rms(field.bound(places)[:, :2])).all()
    assert np.isnan(rows["z_nm"]).all()
    assert np.isnan(rows["sigma_z_nm"]).all()
    assert (rows["flags"] == 0).mean() > 0.99


def test_captures_without_state_within_12_px_and_over_the_whole_table(field, track):
    places = field.places(400, seed=6, side=12.0, inset=0.0)
    rows = track(BeadTracker(field.tables, 64, **field.camera), field.expose(field.images(places), 7))
    assert (np.abs(errors(rows, places)) < [0.1, 0.1, 30]).all()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.float32])
def test_any_kind_of_frame_and_stride_read_only(field, dtype):
    image = (25 * field.bead.image(40.0, 50.0, 2500.0, 100)).astype(dtype)
    strided = np.zeros((200, 300), dtype)
    strided[::2, ::3] = image
    view = strided[::2, ::3]
    view.flags.writeable = False
    tracker = BeadTracker(field.tables, 64, gain_e_per_adu=200.0)
    one, other = tracker.track(view, [(18, 8)]), tracker.track(image, [(18, 8)])
    assert one.tobytes() == other.tobytes()
    assert one.dtype == ROW_DTYPE
    assert abs(one["x_px"][0] - 40) < 0.2
    assert abs(one["y_px"][0] - 50) < 0.2


def test_results_do_not_depend_on_threads_or_company(field):
    places = field.places(100, seed=8)
    tall = field.expose(field.images(places), 9).reshape(-1, 64)
    corners = np.stack([np.arange(100) * 64, np.zeros(100, int)], axis=1)
    own = np.zeros(100, int)
    with BeadTracker(field.tables, 64, threads=3, **field.camera) as many:
        together = many.track(tall, corners, own)
    one = BeadTracker(field.tables, 64, **field.camera)
    alone = np.concatenate([one.track(tall, corners[k : k + 1], own[:1]) for k in range(100)])
    assert together.tobytes() == alone.tobytes()


def test_bad_regions_are_flagged_and_touch_no_other(field):
    good = field.expose(field.images(np.array([(31.0, 32.0, 2500.0)])), 10)[0]
    frame = np.zeros((64, 6 * 64), np.float32)
    frame[:, :64] = good
    frame[:, 64:128] = np.nan
    frame[:, 128:192] = 1000
    frame[:, 192:256] = 70000
    frame[:, 320:384] = field.expose(np.ones((64, 64)), 11)
    tracker = BeadTracker(field.tables, 64, saturation_adu=60000, **field.camera)
    corners = [(0, 0), (0, 64), (0, 128), (0, 192), (0, 256), (0, 320), (-30, 350), (1000, 1000)]
    rows = tracker.track(frame, corners, np.zeros(8, int))
    flags = rows["flags"]
    assert flags[0] == 0
    assert rows[0].tobytes() == tracker.track(good, [(0, 0)])[0].tobytes()
    assert all(flags[k] & Flag.EMPTY for k in (1, 2, 3, 4, 5, 7))
    assert flags[3] & Flag.SATURATED
    assert flags[6] & Flag.AT_EDGE
    assert flags[7] & Flag.AT_EDGE


@pytest.mark.parametrize("missing", [0.0, 0.05, 0.1, 0.2, 0.4])
@pytest.mark.parametrize("with_table", [True, False])
def test_uneven_light_is_no_bead(field, with_table, missing):
    y, x = np.mgrid[0:320, 0:320]
    light = 1 - missing * (1 - np.exp(-((x - 120) ** 2 + (y - 190) ** 2) / (2 * 200.0**2)))
    frame = field.expose(light, 17)
    tracker = BeadTracker(field.tables if with_table else None, 64, **field.camera)
    corners = [(y0, x0) for y0 in range(0, 257, 16) for x0 in range(0, 257, 16)]
    assert (tracker.track(frame, corners)["flags"] & Flag.EMPTY).all()


def test_off_the_table_and_at_the_edge(field, track):
    tracker = BeadTracker(field.tables, 64, **field.camera)
    beyond = np.array([(31.0, 31.0, z) for z in (600.0, 900.0, 4080.0, 4300.0)])
    assert (track(tracker, field.expose(field.images(beyond), 12))["flags"] != 0).all()
    near_end = np.array([(31.0, 31.0, z) for z in (950.0, 4050.0)])
    assert (track(tracker, field.expose(field.images(near_end), 13))["flags"] & Flag.OFF_TABLE).all()
    shifted = np.array([(6.0, 31.0, 2500.0), (31.0, 58.0, 2500.0)])
    assert (track(tracker, field.expose(field.images(shifted), 14))["flags"] & Flag.AT_EDGE).all()


@pytest.mark.parametrize("away", [15.0, 30.0, 45.0])
def test_a_neighbour_is_flagged(field, track, away):
    places = field.places(40, seed=15)
    other = places + np.array([away, 0.0, 0.0])
    images = field.images(places) + field.images(other) - 1
    rows = track(BeadTracker(field.tables, 64, **field.camera), field.expose(images, 16))
    assert (rows["flags"] != 0).all()


def test_a_neighbours_rings_are_taken_away_and_sigma_tells_the_rest(field, track):
    places = field.places(100, seed=15)
    other = places + np.array([45.0, 0.0, 0.0])
    images = field.images(places) + field.images(other) - 1
    rows = track(BeadTracker(field.tables, 64, **field.camera), field.expose(images, 16))
    apart = rows["flags"] == Flag.NEIGHBOUR
    assert apart.mean() > 0.85
    error = errors(rows, places)[apart]
    sigma = np.stack([rows["sigma_x_px"], rows["sigma_y_px"], rows["sigma_z_nm"]], axis=1)[apart]
    assert (rms(error) < 2 * rms(field.bound(places))).all()
    assert (np.abs(rms(error / sigma) - 1) < 0.5).all()


def test_tilted_light_costs_nothing_when_fitted(field, track):
    places = field.places(200, seed=17)
    slope = 1 + 0.1 * (np.arange(64) - 31.5) / 64
    counts = field.expose(field.images(places) * slope, 18)
    rows = track(BeadTracker(field.tables, 64, tilted_light=True, **field.camera), counts)
    assert (rms(errors(rows, places)) < 1.2 * rms(field.bound(places))).all()
    assert (rows["flags"] == 0).mean() > 0.98


def test_a_flat_field_is_divided_out_and_dead_pixels_left_out(field, track):
    places = field.places(100, seed=19)
    flat = np.random.default_rng(20).uniform(0.7, 1.3, (64, 64))
    flat[20:24, 30] = 0
    counts = field.expose(field.images(places) * flat, 21)
    tracker = BeadTracker(field.tables, 64, flat=np.tile(flat, (100, 1)), **field.camera)
    rows = track(tracker, counts)
    assert (rms(errors(rows, places)) < 1.25 * rms(field.bound(places))).all()
    assert 0.95 < rows["chi2"].mean() < 1.05


def test_wrong_input_is_named(field):
    with pytest.raises(TrackingError, match="64 px, not 50"):
        BeadTracker(field.tables, 50)
    with pytest.raises(BadInputError, match="threads"):
        BeadTracker(None, 64, threads=0)
    with pytest.raises(BadInputError, match="gain_e_per_adu"):
        BeadTracker(None, 64, gain_e_per_adu=0)
    tracker = BeadTracker(None, 64)
    with pytest.raises(BadInputError, match="corners"):
        tracker.track(np.zeros((99, 99), np.uint8), [(0.5, 1.0)])
    with pytest.raises(BadInputError, match=r"\(y, x\)"):
        tracker.track(np.zeros((2, 99, 99), np.uint8), [(0, 0)])
    with pytest.raises(BadInputError, match="beads has shape"):
        tracker.track(np.zeros((99, 99), np.uint8), [(0, 0)], [0, 1])
    assert len(tracker.track(np.zeros((99, 99), np.uint8), np.zeros((0, 2), int))) == 0


def test_regions_of_an_odd_size_reach_the_bound_too(field, track):
    middle, facts = np.array([16.0, 16.0]), {"background_e": 5000, "read_noise_e": 8.0, "gain_e_per_adu": 4.9}
    rng = np.random.default_rng(8)
    builder = ZTableBuilder(roi_px=33, n_beads=1, **field.camera)
    for z in np.arange(1000.0, 4001.0, 100.0):
        images = [field.bead.image(*(middle + rng.uniform(-2, 2, 2)), z, 33) for _ in range(12)]
        for image in field.expose(np.stack(images), int(z)):
            builder.add(image, [(0, 0)], z_nm=z)
    places = np.hstack([middle + rng.uniform(-0.5, 0.5, (300, 2)), rng.uniform(1150, 3850, (300, 1))])
    frames = field.expose(np.stack([field.bead.image(*place, 33) for place in places]), 9)
    bound = rms([cramer_rao(field.bead, *place, 33, **facts) for place in places])
    for tables, axes in ((builder.finish(), slice(3)), (None, slice(2))):
        rows = track(BeadTracker(tables, 33, **field.camera), frames)
        assert (rms(errors(rows, places)[:, axes]) < 1.15 * bound[axes]).all()
        assert (rows["flags"] == 0).mean() > 0.99


def test_sigma_holds_what_the_beads_own_table_left_unexplained(field, track):
    """Told twice as many electrons as there were, chi2 is 2 for all, and sigma is the true scatter."""
    told, rng = {"gain_e_per_adu": 2 * 4.9, "read_noise_e": 16.0}, np.random.default_rng(22)
    builder = ZTableBuilder(roi_px=64, n_beads=1, **told)
    for z in np.arange(2000.0, 3001.0, 100.0):
        places = 31.5 + rng.uniform(-2, 2, (12, 2))
        for image in field.expose(np.stack([field.bead.image(x, y, z, 64) for x, y in places]), int(z)):
            builder.add(image, [(0, 0)], z_nm=z)
    places = np.hstack([31.5 + rng.uniform(-0.5, 0.5, (200, 2)), rng.uniform(2150, 2850, (200, 1))])
    rows = track(BeadTracker(builder.finish(), 64, **told), field.expose(field.images(places), 23))
    assert abs(rows["chi2"].mean() - 2) < 0.1
    sigma = np.stack([rows["sigma_x_px"], rows["sigma_y_px"], rows["sigma_z_nm"]], axis=1)
    assert (np.abs(rms(errors(rows, places) / sigma) - 1) < 0.2).all()
