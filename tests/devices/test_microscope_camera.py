"""What the simulated microscope's camera shows, on a clock that jumps."""

import numpy as np
import pytest

from parfocal.core.errors import BadInputError
from parfocal.devices.simulated.microscope.truth import CELL_TRUTH_DTYPE
from parfocal.tracking.sharpness import sharpness

from .microscopes import OFFSET, Microscope, several

PRESETS = {
    "nucleus": {"light": "excitation", "power": 0.5, "filter": "nucleus"},
    "cytoplasm": {"light": "excitation", "power": 0.5, "filter": "cytoplasm"},
    "stimulation": {"light": "stimulation", "power": 0.5, "filter": "open"},
    "dark": {},
}


def microscope(folder, **options):
    return Microscope(folder, "simulated-microscope-camera", PRESETS, {}, options)


@pytest.fixture
def make(tmp_path):
    with several(tmp_path, microscope) as make:
        yield make


@pytest.fixture
def scope(make):
    return make()


def brightness_at(image, rows, reach=2):
    """Return the mean around each cell that lies well inside."""
    height, width = image.shape
    x, y = np.rint(rows["x_px"]).astype(int), np.rint(rows["y_px"]).astype(int)
    inside = (x > 30) & (x < width - 31) & (y > 30) & (y < height - 31)
    return np.array(
        [
            image[row - reach : row + reach + 1, column - reach : column + reach + 1].mean()
            for row, column in zip(y[inside], x[inside], strict=True)
        ]
    ), rows[inside]


def test_a_field_has_about_a_hundred_cells_where_the_truth_says(scope):
    image = scope.image("nucleus", time_s=0.0)
    rows = scope.camera.ground_truth(scope.header.frame)
    assert rows.dtype == CELL_TRUTH_DTYPE
    assert 80 < len(rows) < 130
    found, seen = brightness_at(image, rows)
    expected_e = seen["nucleus"] * 0.5 * 20.0 * 200.0
    assert found == pytest.approx(expected_e, rel=0.15)
    y, x = np.mgrid[: image.shape[0], : image.shape[1]]
    far = np.min([np.hypot(x - row["x_px"], y - row["y_px"]) for row in rows], axis=0) > 20
    assert np.median(image[far]) == pytest.approx(0.02 * 0.5 * 20.0 * 200.0, rel=0.1)


def test_centres_of_mass_are_those_of_the_truth(scope):
    image = scope.image("nucleus", time_s=0.0) - 0.02 * 0.5 * 20.0 * 200.0
    rows = scope.camera.ground_truth(scope.header.frame)
    place = np.stack([rows["x_px"], rows["y_px"]], axis=1)
    others = np.linalg.norm(place[:, None] - place, axis=2) + np.eye(len(rows)) * 1e9
    alone = (others.min(axis=1) > 30) & (abs(place - 256) < 220).all(axis=1)
    assert alone.sum() > 10
    for x, y in place[alone]:
        left, top = round(x) - 14, round(y) - 14
        part = image[top : top + 29, left : left + 29]
        rows_px, columns_px = np.mgrid[top : top + 29, left : left + 29]
        centre = (part * columns_px).sum() / part.sum(), (part * rows_px).sum() / part.sum()
        assert centre == pytest.approx((x, y), abs=0.35)


def test_a_channel_shows_its_own_colour_and_nothing_without_light(scope):
    images = {name: scope.image(name, time_s=0.0) for name in PRESETS}
    rows = scope.camera.ground_truth(scope.header.frame)
    middle = {name: brightness_at(image, rows)[0] for name, image in images.items()}
    assert (middle["nucleus"] > 3 * middle["cytoplasm"]).all()
    assert abs(images["dark"].mean()) < 0.1
    assert images["stimulation"].mean() == pytest.approx(0.5 * 0.5 * 20 * 200, rel=0.01)
    ring = brightness_at(images["cytoplasm"], rows, reach=11)[0]
    assert (ring > middle["cytoplasm"]).mean() > 0.9


def test_light_counts_with_its_power_its_time_and_no_longer_than_it_is_on(scope):
    full = scope.image("stimulation").mean()
    scope.channels.call("set_channel", "stimulation", power=0.25)
    assert scope.image().mean() == pytest.approx(full / 2, rel=0.01)
    scope.camera.set_exposure_ms(5.0)
    assert scope.image().mean() == pytest.approx(full / 8, rel=0.02)
    assert scope.header.exposure_ns == 5_000_000
    scope.channels.call("close_shutter")
    assert abs(scope.image().mean()) < 0.1


def test_light_that_goes_off_during_an_exposure_is_seen_until_then(scope):
    full = scope.image("stimulation").mean()
    scope.camera.set_exposure_ms(100.0)
    scope.camera.start(count=1)
    out = np.zeros(scope.camera.spec.shape, scope.camera.spec.dtype)
    assert scope.camera.read_into(out, 0.01) is None
    scope.clock.advance(0.015)
    scope.channels.call("off")
    assert scope.camera.read_into(out, 1.0) is not None
    assert out.mean() - OFFSET == pytest.approx(full * 25 / 20, rel=0.02)


def test_light_that_goes_off_while_its_image_is_waited_for_is_seen_until_then(scope):
    full = scope.image("stimulation").mean()
    scope.change_half_way(lambda: scope.channels.call("off"))
    assert scope.image().mean() == pytest.approx(full / 2, rel=0.02)


def test_a_stage_that_moves_while_an_image_is_waited_for_is_where_it_was_at_its_begin(scope):
    still = scope.image("nucleus", time_s=0.0)
    scope.change_half_way(lambda: scope.things.move("x_um", 50.0, scope.clock.monotonic_ns()))
    moving = scope.image(time_s=0.0)
    after = scope.image(time_s=0.0)
    assert np.corrcoef(moving.ravel(), still.ravel())[0, 1] > 0.9
    assert np.corrcoef(after.ravel(), still.ravel())[0, 1] < 0.5


def test_a_wheel_that_moves_lets_no_light_through(scope):
    scope.channels.call("set_channel", "nucleus")
    scope.things.move("filter", 2.0, scope.clock.monotonic_ns(), 1e-3)
    scope.clock.advance(1.0)
    assert abs(scope.image().mean()) < 0.1


def test_the_stage_moves_the_sample_across_the_image(scope):
    scope.image("nucleus", time_s=0.0)
    before = {row["cell"]: row for row in scope.camera.ground_truth(scope.header.frame)}
    scope.move(x=65.0, y=-32.5)
    scope.image(time_s=0.0)
    after = {row["cell"]: row for row in scope.camera.ground_truth(scope.header.frame)}
    both = before.keys() & after.keys()
    assert len(both) > 50
    for cell in both:
        assert after[cell]["x_px"] - before[cell]["x_px"] == pytest.approx(-100.0)
        assert after[cell]["y_px"] - before[cell]["y_px"] == pytest.approx(50.0)
    scope.move(x=1500.0, y=1500.0)
    scope.image(time_s=0.0)
    assert len(scope.camera.ground_truth(scope.header.frame)) > 80
    scope.move(x=4000.0)
    scope.image(time_s=0.0)
    assert len(scope.camera.ground_truth(scope.header.frame)) == 0


def test_defocus_blurs_and_keeps_the_light(scope):
    images = []
    for z in (0.0, 15.0, -15.0, 500.0):
        scope.move(z=z)
        images.append(scope.image("nucleus", event=1, time_s=0.0))
    sharp, above, below, far = images
    assert np.array_equal(above, below)
    assert sharp.std() > 1.1 * above.std() > 1.2 * far.std()
    assert [image.sum() for image in images] == pytest.approx([sharp.sum()] * 4, rel=0.02)


def test_binning_adds_and_a_region_cuts_out(scope):
    whole = scope.image("nucleus", event=1, time_s=0.0)
    scope.camera.set_region(100, 50, 200, 120)
    part = scope.image(event=1, time_s=0.0)
    assert part.shape == (120, 200)
    assert part == pytest.approx(whole[50:170, 100:300], abs=250)
    rows = scope.camera.ground_truth(scope.header.frame)
    assert rows["x_px"].max() < 200
    assert rows["y_px"].max() < 120
    scope.camera.clear_region()
    scope.camera.set_binning(2)
    binned = scope.image(event=1, time_s=0.0)
    assert scope.camera.spec.pixel_size_um == 1.3
    assert binned == pytest.approx(whole.reshape(256, 2, 256, 2).sum(axis=(1, 3)), abs=2)
    found, seen = brightness_at(binned, scope.camera.ground_truth(scope.header.frame), reach=1)
    assert found == pytest.approx(seen["nucleus"] * 4 * 0.5 * 20.0 * 200.0, rel=0.15)


def test_an_event_is_the_same_image_whenever_it_is_taken(make):
    scope = make(width_px=128, height_px=96)
    plan = [(event, 2.5 * event, ("nucleus", "cytoplasm")[event % 2]) for event in range(6)]
    unpaused = [scope.image(channel, event, time_s) for event, time_s, channel in plan]
    scope.clock.advance(1234.5)
    paused = []
    for event, time_s, channel in plan:
        paused.append(scope.image(channel, event, time_s))
        scope.image()  # a live image in between
        scope.clock.advance(17.0)
    assert all(np.array_equal(one, other) for one, other in zip(unpaused, paused, strict=True))
    assert not np.array_equal(unpaused[0], unpaused[2])
    again = scope.image("nucleus", 6, 0.0) - scope.image("nucleus", 7, 0.0)
    assert again.any()  # another event of the same time has a noise of its own


def test_without_an_event_the_scene_follows_the_clock_of_the_world(make):
    scope = make(width_px=64, height_px=64)
    for seconds in (0.0, 60.0):
        scope.clock.advance(seconds)
        scope.image("nucleus")
        rows = scope.camera.ground_truth(scope.header.frame)
        began_ns = scope.header.time_ns - scope.header.exposure_ns - 7_000_000_000
        assert rows["time_s"] == pytest.approx(began_ns * 1e-9)
        assert (rows["event"] == -1).all()


def test_noise_is_that_of_the_sensor(make):
    scope = make(width_px=128, height_px=128, spacing_um=2000.0)
    images = np.stack([scope.image("stimulation", event, 0.0) for event in range(60)])
    mean = images.mean()
    assert mean == pytest.approx(1000.0, rel=0.01)
    assert images.var(axis=0, ddof=1).mean() == pytest.approx(mean + 4.0, rel=0.03)
    shaken = images - images.mean(axis=0)
    assert abs(np.mean(shaken[:-1] * shaken[1:])) < 0.04 * mean
    assert abs(np.mean(shaken[:, :, :-1] * shaken[:, :, 1:])) < 0.01 * mean


def test_two_seeds_make_two_samples(make):
    images = [make(width_px=64, height_px=64, seed=seed).image("nucleus", 1, 0.0) for seed in (1, 2, 1)]
    assert np.array_equal(images[0], images[2])
    assert not np.array_equal(images[0], images[1])


def test_cells_move_smoothly_and_stay_at_home(scope):
    places = {}
    for minute in range(10):
        scope.image("nucleus", minute, 60.0 * minute)
        for row in scope.camera.ground_truth(scope.header.frame):
            places.setdefault(int(row["cell"]), []).append((row["x_um"], row["y_um"]))
    tracks = [np.array(track) for track in places.values() if len(track) == 10]
    assert len(tracks) > 60
    for track in tracks:
        steps = np.linalg.norm(np.diff(track, axis=0), axis=1)
        assert 0 < steps.max() < 9.0
        assert np.ptp(track, axis=0).max() < 13.0


def test_the_truth_of_other_frames_is_refused(make):
    scope = make(width_px=64, height_px=64, truth_frames=2)
    with pytest.raises(BadInputError, match="no frame yet"):
        scope.camera.ground_truth(0)
    for event in range(4):
        scope.image(event=event)
    with pytest.raises(BadInputError, match="frames 2 to 3"):
        scope.camera.ground_truth(1)


def test_it_is_in_focus_where_the_sample_is_which_may_drift_and_be_tilted(make):
    microscope = make(
        width_px=256, height_px=256, focus_um=10.0, focus_drift_um_per_s=0.5, focus_tilt=(0.01, -0.02)
    )
    for x, y, time_s, focus_um in [(0, 0, 0.0, 10.0), (300, 100, 4.0, 13.0)]:
        sharp = []
        for off in (-6, -3, 0, 3, 6):
            microscope.move(x=x, y=y, z=focus_um + off)
            sharp.append(sharpness(microscope.image("nucleus", event=1, time_s=time_s)))
        assert sharp.index(max(sharp)) == 2
        assert sharp[:3] == sorted(sharp[:3])
        assert sharp[2:] == sorted(sharp[2:], reverse=True)
        truth = microscope.camera.ground_truth(microscope.header.frame)
        assert set(truth["focus_um"]) == {focus_um}
