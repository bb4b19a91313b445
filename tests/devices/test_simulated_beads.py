"""The motion of simulated beads against what is known of it in closed form."""

from __future__ import annotations

import numpy as np
import pytest

from parfocal.devices.simulated.beads import BeadField
from parfocal.devices.simulated.forces import KT_PN_NM, friction_pn_s_per_nm, tether
from parfocal.tracking.force import covariance

RADIUS_NM, CONTOUR_NM = 525.0, 1000.0


@pytest.mark.parametrize(
    ("force_pn", "rate_hz", "exposure_s"),
    [(1.0, 100.0, 0.005), (5.0, 100.0, 0.01), (5.0, 100.0, 0.0), (1.0, 500.0, 1e-4)],
)
def test_a_frame_shows_the_mean_over_its_exposure(force_pn, rate_hz, exposure_s):
    field = BeadField(np.full(100, CONTOUR_NM), RADIUS_NM, seed=3)
    moved = np.array([field.advance(k, 1 / rate_hz, force_pn, exposure_s) for k in range(1000)])
    chain, friction = tether(force_pn, CONTOUR_NM, RADIUS_NM), friction_pn_s_per_nm(RADIUS_NM)
    for axis, stiffness in ((0, chain.stiffness_x), (1, chain.stiffness_y)):
        x = moved[20:, :, axis]
        found = [float((x[lag:] * x[: len(x) - lag]).mean()) for lag in range(3)]
        variance = KT_PN_NM / stiffness
        true = covariance(range(3), variance, friction / stiffness, 1 / rate_hz, exposure_s)
        assert found == pytest.approx(true, rel=0.05, abs=0.01 * variance)
    assert moved[20:, :, 2].mean() == pytest.approx(chain.extension_nm, abs=2.0)
