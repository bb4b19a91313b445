"""The sharpness of images, and the height at which they are sharpest."""

from __future__ import annotations

import numpy as np
import pytest

from parfocal.core.errors import BadInputError, FocusNotFoundError
from parfocal.tracking.sharpness import MEASURES, best_focus, sharpness


def cells(blur_px: float, brightness: float = 200.0, offset: float = 100.0, seed: int = 1) -> np.ndarray:
    """Return noisy discs, blurred by their Fourier transform."""
    rng = np.random.default_rng(3)
    image = np.zeros((256, 256))
    yy, xx = np.mgrid[:256, :256]
    for y, x in rng.uniform(10, 246, (30, 2)):
        image += (np.hypot(yy - y, xx - x) < 7) * brightness
    frequency = np.fft.fftfreq(256)
    blur = np.exp(-2 * (np.pi * blur_px) ** 2 * (frequency**2 + frequency[:, None] ** 2))
    mean = np.fft.ifft2(np.fft.fft2(image) * blur).real + offset
    return np.random.default_rng(seed).poisson(np.maximum(mean, 0)).astype(np.uint16)


@pytest.mark.parametrize("measure", MEASURES)
def test_an_image_is_less_sharp_the_more_it_is_blurred_however_bright_it_is(measure):
    values = [sharpness(cells(blur), measure) for blur in (0.0, 1.5, 3.0, 6.0)]
    assert values == sorted(values, reverse=True)
    twice = sharpness(cells(1.5, brightness=400.0, offset=200.0), measure)
    assert twice == pytest.approx(values[1], rel=0.1)


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("focus_um", [-3.4, 0.0, 1.0, 2.6])
def test_the_focus_is_found_within_half_a_step(measure, focus_um):
    planes = [-8.0 + 2 * place for place in range(9)]
    values = [sharpness(cells(abs(z - focus_um) * 0.8, seed=int(z) + 9), measure) for z in planes]
    assert abs(best_focus(planes, values, 256 * 256) - focus_um) < 1.0


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("size", [32, 512])
def test_noise_alone_has_no_focus(measure, size):
    for seed in range(20):
        rng = np.random.default_rng(seed)
        values = [sharpness(rng.poisson(100, (size, size)), measure) for _ in range(21)]
        with pytest.raises(FocusNotFoundError, match="stands out"):
            best_focus([float(z) for z in range(21)], values, size * size)


def test_a_black_image_is_not_sharp_and_a_range_without_the_focus_is_told():
    assert sharpness(np.zeros((8, 8), np.uint8)) == 0.0
    with pytest.raises(FocusNotFoundError, match="stands out"):
        best_focus([0, 1, 2], [0.0, 0.0, 0.0], 100)
    with pytest.raises(FocusNotFoundError, match="end of the range, at 0 um"):
        best_focus([0, 1, 2], [3.0, 2.0, 1.0], 10**6)


def test_what_is_no_image_and_no_measure_is_refused():
    with pytest.raises(BadInputError, match="4 x 4"):
        sharpness(np.zeros((3, 9)))
    with pytest.raises(BadInputError, match="did you mean 'gradient'"):
        sharpness(np.ones((8, 8)), "gradiant")
