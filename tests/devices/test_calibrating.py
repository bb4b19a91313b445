"""A modulator is calibrated by spots: what comes out is the map that nobody was told."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parfocal.core.errors import DeviceError
from parfocal.devices.affine_fit import fit_affine
from parfocal.devices.calibrating import calibrate
from parfocal.devices.mask_warp import MaskWarp
from parfocal.devices.simulated.optogenetics.projection import Projection
from parfocal.devices.simulated.optogenetics.settings import ProjectionSettings

SENSOR, MIRRORS = (256, 256), (300, 400)


class Optics:
    """A modulator seen by a camera, with noise."""

    def __init__(self, seed=0, *, light=400.0, **settings):
        self.projection = Projection(ProjectionSettings(**settings), SENSOR, MIRRORS)
        self.rng = np.random.default_rng(seed)
        self.light = light
        self.pattern = np.zeros(MIRRORS, np.uint8)
        self.stray = []
        self.shown = 0

    def show(self, pattern):
        self.pattern = pattern
        self.shown += 1

    def take(self):
        image = self.projection.on_sensor(self.pattern) * self.light
        y, x = np.mgrid[: SENSOR[0], : SENSOR[1]]
        for number, (at_x, at_y) in self.stray:
            if number == self.shown:
                image = image + 3 * self.light * (np.hypot(x - at_x, y - at_y) < 6)
        return np.rint(100.0 + image + self.rng.normal(0.0, 5.0 + np.sqrt(image))).clip(0).astype(np.uint16)

    def calibrate(self, **changed):
        return calibrate(
            self.show,
            self.take,
            MIRRORS,
            **{"along": 6, "radius_px": 6.0, "utc_ns": 5, "progress": lambda part, text: None} | changed,
        )


def truth(optics, settings):
    """Return the map from the sensor to the mirrors."""
    middle = (np.array(MIRRORS[::-1]) - 1) / 2 + np.array(settings.get("offset_px", (6.0, -4.0)))
    linear = optics.projection.linear
    return np.column_stack([linear, middle - linear @ (np.array(SENSOR) - 1) / 2])


def largest_error_px(calibration, expected):
    """Return how far, at most, the map is off in the corners of the sensor, mirrors."""
    corners = np.array([(x, y) for x in (0, SENSOR[1] - 1) for y in (0, SENSOR[0] - 1)], float).T
    off = (np.array(calibration.to_modulator) - expected) @ np.vstack([corners, np.ones(4)])
    return np.hypot(*off).max()


@pytest.mark.parametrize(
    "settings",
    [
        {"rotation_deg": 7.0, "scale": 0.9, "shear": 0.05},
        {"rotation_deg": -25.0, "scale": 0.7, "shear": -0.1, "offset_px": (-15.0, 9.0)},
        {"rotation_deg": 175.0, "scale": 1.1, "shear": 0.0, "offset_px": (0.0, 0.0)},
    ],
)
def test_the_map_is_found_within_a_part_of_a_pixel(settings):
    optics = Optics(**settings)
    found = optics.calibrate(along=9)
    assert (found.camera_shape, found.modulator_shape, found.utc_ns) == (SENSOR, MIRRORS, 5)
    assert found.residual_px < 0.4
    assert found.spots >= 9
    assert largest_error_px(found, truth(optics, settings)) < 0.7


def test_spots_that_are_something_else_are_left_out():
    settings = {"rotation_deg": 7.0, "scale": 0.9}
    optics = Optics(**settings)
    optics.stray = [(8, (30, 200)), (14, (220, 40)), (15, (128, 128)), (21, (60, 60))]
    found = optics.calibrate()
    assert found.residual_px < 0.4
    assert largest_error_px(found, truth(optics, settings)) < 0.7


@pytest.mark.parametrize("seed", range(3))
def test_a_mask_lights_what_it_says(seed):
    rng = np.random.default_rng(seed)
    settings = {
        "rotation_deg": float(rng.uniform(5.0, 20.0) * rng.choice([-1, 1])),
        "scale": float(rng.uniform(0.75, 1.0)),
        "shear": float(rng.uniform(-0.1, 0.1)),
    }
    optics = Optics(seed, **settings)
    warp = MaskWarp(optics.calibrate())
    y, x = np.mgrid[: SENSOR[0], : SENSOR[1]]
    places = rng.uniform(60, 195, (12, 2))
    mask = np.any([np.hypot(x - px, y - py) < 15 for px, py in places], axis=0)
    lit = optics.projection.on_sensor(warp.pattern(mask)) != 0
    assert np.count_nonzero(lit & mask) / np.count_nonzero(lit | mask) > 0.93


def test_nothing_to_be_seen_is_told():
    with pytest.raises(DeviceError, match="none of 36 spots was seen: is the light strong enough"):
        Optics(light=0.0).calibrate()
    with pytest.raises(DeviceError, match=r"needs 6 spots or more, and [1-5] were seen"):
        Optics(scale=0.9, offset_px=(250.0, 100.0)).calibrate()


def test_what_progress_raises_ends_it():
    optics = Optics()

    def progress(part, text):
        if part >= 0.5:
            raise DeviceError(text)

    with pytest.raises(DeviceError, match=r"spot 19 of 36, 7 seen \(enough\)"):
        optics.calibrate(progress=progress)
    assert optics.shown == 1 + 18


@given(
    st.integers(0, 10_000),
    st.integers(12, 40),
    st.floats(0.0, 0.35),
)
def test_a_fit_is_right_as_long_as_most_places_are(seed, count, wrong):
    rng = np.random.default_rng(seed)
    matrix = np.column_stack([np.eye(2) + rng.uniform(-0.3, 0.3, (2, 2)), rng.uniform(-50, 50, 2)])
    source = rng.uniform(0, 500, (count, 2))
    target = source @ matrix[:, :2].T + matrix[:, 2] + rng.normal(0, 0.05, (count, 2))
    bad = rng.permutation(count)[: int(wrong * count)]
    target[bad] += rng.uniform(20, 200, (bad.size, 2)) * rng.choice([-1, 1], (bad.size, 2))
    fit = fit_affine(source, target)
    assert not fit.used[bad].any()
    assert fit.residual < 0.2
    assert np.abs(fit.matrix[:, :2] - matrix[:, :2]).max() < 0.01
    back = fit.inverse()
    assert target[~np.isin(range(count), bad)] @ back[:, :2].T + back[:, 2] == pytest.approx(
        source[~np.isin(range(count), bad)], abs=0.6
    )


def test_places_that_agree_on_nothing_or_lie_on_a_line_are_refused():
    rng = np.random.default_rng(1)
    assert fit_affine(rng.uniform(0, 500, (30, 2)), rng.uniform(0, 500, (30, 2))).residual > 50.0
    line = np.column_stack([np.linspace(0, 500, 12), np.linspace(0, 20, 12)]) + rng.normal(0, 1, (12, 2))
    with pytest.raises(DeviceError, match="lie on a line"):
        fit_affine(line, line + 3.0)
