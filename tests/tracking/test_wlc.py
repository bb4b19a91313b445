"""The worm-like chain; what needs lumicks.pylake is skipped without it."""

from __future__ import annotations

import importlib.util
import sys

import numpy as np
import pytest

from parfocal.core.errors import BadInputError, ConfigError
from parfocal.tracking.wlc import fit_worm_like_chain

FORCE = np.geomspace(0.2, 15, 40)
installed = importlib.util.find_spec("lumicks") is not None


@pytest.mark.skipif(not installed, reason="needs parfocal[pylake]")
def test_a_known_chain_is_found_within_its_errors():
    exact = 2700 * (1 - 0.5 * np.sqrt(4.1143 / (FORCE * 48)) + FORCE / 1000)
    rng, pulls = np.random.default_rng(1), []
    for _ in range(8):
        chain = fit_worm_like_chain(FORCE, exact + rng.normal(0, 5, 40))
        pulls.append((chain.contour_nm - 2700) / chain.contour_error_nm)
        assert abs(chain.persistence_nm - 48) < 5 * chain.persistence_error_nm < 15
    assert 0.3 < np.std(pulls) < 2


def test_without_the_extra_it_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "lumicks", None)
    with pytest.raises(ConfigError, match=r"parfocal\[pylake\]"):
        fit_worm_like_chain(FORCE, FORCE)


def test_unusable_points_are_refused():
    with pytest.raises(BadInputError, match="at least 4"):
        fit_worm_like_chain([1.0], [1.0])
    with pytest.raises(BadInputError, match="positive"):
        fit_worm_like_chain(-FORCE, FORCE)
