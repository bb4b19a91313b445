"""The worm-like chain: its extension against the twin's, and fits within their errors."""

from __future__ import annotations

import numpy as np
import pytest

from parfocal.core.errors import BadInputError
from parfocal.devices.simulated.forces import KT_PN_NM, tether
from parfocal.tracking.wlc import chain_extension_nm, fit_worm_like_chain

TRUTH_K = KT_PN_NM / 0.01380649
FORCE = np.geomspace(0.2, 15, 40)


def test_the_extension_is_that_of_the_simulated_tether():
    forces = [0.01, 0.1, 1.0, 5.0, 20.0]
    found = chain_extension_nm(forces, 1000.0, temperature_k=TRUTH_K)
    assert found == pytest.approx([tether(force, 1000.0, 525.0).extension_nm for force in forces], abs=0.01)
    stretched = chain_extension_nm(10.0, 1000.0, stretch_pn=1000.0) - chain_extension_nm(10.0, 1000.0)
    assert stretched == pytest.approx(10.0)


@pytest.mark.parametrize(
    ("held", "stretch"),
    [({}, None), ({}, 1000.0), ({"free_offset": True, "persistence_nm": 48.0}, None)],
    ids=["chain", "stretched", "offset"],
)
@pytest.mark.parametrize("has_sigma", [True, False])
def test_a_known_chain_is_found_within_its_errors(held, stretch, has_sigma):
    rng, pulls = np.random.default_rng(1), []
    below = 300.0 if held else 0.0
    exact = chain_extension_nm(FORCE, 2700.0, 48.0, stretch_pn=stretch) - below
    for _ in range(20):
        sigma = np.full(40, 5.0) if has_sigma else None
        chain = fit_worm_like_chain(FORCE, exact + rng.normal(0, 5, 40), sigma, stretch_pn=stretch, **held)
        pulls.append((chain.contour_nm - 2700) / chain.contour_error_nm)
        if held:
            assert abs(chain.offset_nm - below) < 4 * chain.offset_error_nm < 60
            assert chain.persistence_error_nm == 0
        else:
            assert abs(chain.persistence_nm - 48) < 4 * chain.persistence_error_nm < 8
    assert 0.5 < np.std(pulls) < 1.6
    assert np.abs(pulls).max() < 4


def test_unusable_points_are_refused():
    extension = chain_extension_nm(FORCE, 1000.0)
    with pytest.raises(BadInputError, match="at least 4"):
        fit_worm_like_chain([1.0], [1.0])
    with pytest.raises(BadInputError, match="at least 5"):
        fit_worm_like_chain(FORCE[:4], extension[:4], free_offset=True)
    with pytest.raises(BadInputError, match="force_pn must be positive"):
        fit_worm_like_chain(-FORCE, extension)
    with pytest.raises(BadInputError, match="unless an offset is free"):
        fit_worm_like_chain(FORCE, extension - 900)
    with pytest.raises(BadInputError, match="sigma_nm must be positive"):
        fit_worm_like_chain(FORCE, extension, np.zeros(40))
    with pytest.raises(BadInputError, match="no number"):
        fit_worm_like_chain(FORCE, np.r_[extension[1:], np.nan])
    with pytest.raises(BadInputError, match="all points are at 1 pN"):
        fit_worm_like_chain(np.ones(5), np.ones(5))
