"""A blurred image is that of scipy, pixel by pixel."""

import numpy as np
import pytest
from scipy import ndimage

from parfocal.tracking.smoothing import gaussian


@pytest.mark.parametrize("sigma_px", [0.0, 0.1, 0.5, 1.0, 2.3])
@pytest.mark.parametrize("shape", [(40, 33), (3, 5), (1, 7), (9, 1)])
def test_it_is_as_scipy_blurs(shape, sigma_px):
    image = np.random.default_rng(1).normal(0, 1000, shape).astype(np.float32)
    expected = ndimage.gaussian_filter(image, sigma_px)
    np.testing.assert_allclose(gaussian(image, sigma_px), expected, rtol=2e-7, atol=1e-4)
    np.testing.assert_array_equal(gaussian(image[::-1], sigma_px), gaussian(image, sigma_px)[::-1])
