"""The motion of simulated beads against what is known of it in closed form."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from parfocal.devices.simulated.beads import BeadField, Tethers, tethers_of
from parfocal.devices.simulated.forces import KT_PN_NM, double_tether, friction_pn_s_per_nm, tether
from parfocal.devices.simulated.settings import SimulatedCameraSettings
from parfocal.tracking.force import covariance

RADIUS_NM, CONTOUR_NM = 525.0, 1000.0


@pytest.mark.parametrize(
    ("force_pn", "rate_hz", "exposure_s"),
    [(1.0, 100.0, 0.005), (5.0, 100.0, 0.01), (5.0, 100.0, 0.0), (1.0, 500.0, 1e-4)],
)
def test_a_frame_shows_the_mean_over_its_exposure(force_pn, rate_hz, exposure_s):
    field = BeadField(Tethers.single(np.full(100, CONTOUR_NM)), RADIUS_NM, seed=3)
    moved = np.array([field.advance(k, 1 / rate_hz, force_pn, exposure_s) for k in range(1000)])
    chain, friction = tether(force_pn, CONTOUR_NM, RADIUS_NM), friction_pn_s_per_nm(RADIUS_NM)
    for axis, stiffness in ((0, chain.stiffness_x), (1, chain.stiffness_y)):
        x = moved[20:, :, axis]
        found = [float((x[lag:] * x[: len(x) - lag]).mean()) for lag in range(3)]
        variance = KT_PN_NM / stiffness
        true = covariance(range(3), variance, friction / stiffness, 1 / rate_hz, exposure_s)
        assert found == pytest.approx(true, rel=0.05, abs=0.01 * variance)
    assert moved[20:, :, 2].mean() == pytest.approx(chain.extension_nm, abs=2.0)


@pytest.mark.parametrize("towards_rad", [0.0, 0.6, 2.5])
def test_two_tethers_hold_a_bead_more_stiffly_in_the_direction_in_which_they_are_apart(towards_rad):
    beads, force_pn, apart_nm = 400, 3.0, 700.0
    tethers = Tethers.single(np.full(beads, CONTOUR_NM))
    tethers.apart_nm[:], tethers.towards_rad[:] = apart_nm, towards_rad
    field = BeadField(tethers, RADIUS_NM, seed=4)
    moved = np.concatenate([field.advance(k, 1.0, force_pn) for k in range(50)])
    double = double_tether(force_pn, CONTOUR_NM, RADIUS_NM, apart_nm, towards_rad)
    assert moved[:, 2].mean() == pytest.approx(double.extension_nm, abs=1.0)
    assert double.extension_nm < tether(force_pn, CONTOUR_NM, RADIUS_NM).extension_nm
    cos, sin = np.cos(double.turned_rad), np.sin(double.turned_rad)
    first, second = moved[:, 0] * cos + moved[:, 1] * sin, moved[:, 1] * cos - moved[:, 0] * sin
    for along, stiffness in zip((first, second, moved[:, 2]), double.stiffness, strict=True):
        assert along.var() == pytest.approx(KT_PN_NM / stiffness, rel=0.05)
    apart = moved[:, 0] * np.cos(towards_rad) + moved[:, 1] * np.sin(towards_rad)
    aside = moved[:, 1] * np.cos(towards_rad) - moved[:, 0] * np.sin(towards_rad)
    roll = KT_PN_NM * RADIUS_NM / force_pn * np.array([np.cos(towards_rad) ** 2, np.sin(towards_rad) ** 2])
    assert apart.var() - roll[0] < 0.6 * (aside.var() - roll[1]), "less the part that the bead rolls"
    assert np.isclose(aside.var() - roll[1], KT_PN_NM * double.extension_nm / force_pn, rtol=0.06)


def test_beads_of_each_kind_are_as_many_as_asked_for_and_lost_ones_are_gone():
    settings = SimulatedCameraSettings(beads=20, stuck=0.2, double=0.3, lost=0.1, lost_after_s=2.0)
    tethers = tethers_of(settings, np.random.default_rng(1))
    kinds = tethers.kinds()
    assert Counter(kinds) == {"stuck": 4, "double tether": 6, "lost": 2, "good": 8}
    field = BeadField(tethers, RADIUS_NM, seed=1)
    moved = [field.advance(k, 0.5, 5.0) for k in range(6)]
    gone = [np.isnan(each[:, 0]).tolist() for each in moved]
    assert not any(gone[2])
    assert [kind for kind, away in zip(kinds, gone[3], strict=True) if away] == ["lost", "lost"]
    with pytest.raises(ValueError, match=r"0.5 \+ 0.6 \+ 0 is more than 1"):
        SimulatedCameraSettings(stuck=0.5, double=0.6)
