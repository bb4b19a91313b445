"""Force from motion that a camera blurs and samples."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import lfilter

from parfocal.core.errors import BadInputError
from parfocal.tracking.drift import allan_deviation, allan_variance, subtract_drift
from parfocal.tracking.force import (
    expected_allan_variance,
    fit_allan_variance,
    fit_power_spectrum,
    power_spectrum,
)

DRAG, RATE = 1e-5, 100.0


def trace(corner_hz, rng, frames=2000, exposure=1.0, steps=40):
    stiffness = 2 * np.pi * corner_hz * DRAG
    decay = np.exp(-stiffness / DRAG / RATE / steps)
    kick = rng.normal(0, np.sqrt(0.01380649 * 298 / stiffness * (1 - decay**2)), frames * steps)
    path = lfilter([1.0], [1.0, -decay], kick).reshape(frames, steps)
    return path[:, : round(exposure * steps)].mean(axis=1), stiffness


@pytest.mark.parametrize("fit", [fit_power_spectrum, fit_allan_variance])
@pytest.mark.parametrize(("corner", "exposure"), [(5, 1.0), (20, 1.0), (20, 0.25)])
def test_stiffness_is_right_despite_blur(fit, corner, exposure):
    rng = np.random.default_rng(corner)
    results = []
    for _ in range(25):
        x, truth = trace(corner, rng, exposure=exposure)
        results.append(fit(x, RATE, exposure_s=exposure / RATE))
    ratio = np.array([r.stiffness_pn_per_nm for r in results]) / truth
    assert abs(ratio.mean() - 1) < 0.04
    assert 0.5 < ratio.std() / np.mean([r.stiffness_error for r in results]) < 2
    assert abs(np.mean([r.drag_pn_s_per_nm for r in results]) / DRAG - 1) < 0.06


def test_localisation_noise_is_allowed_for():
    rng = np.random.default_rng(3)
    ratio = []
    for _ in range(20):
        x, truth = trace(20, rng)
        noisy = x + rng.normal(0, 0.5 * x.std(), x.size)
        ratio.append(
            fit_power_spectrum(noisy, RATE, localisation_nm=0.5 * x.std()).stiffness_pn_per_nm / truth
        )
    assert abs(np.mean(ratio) - 1) < 0.06


def test_spectrum_and_allan_variance_hold_the_same_motion():
    frequency = (np.arange(200_000) + 0.5) / 200_000 * RATE / 2
    area = power_spectrum(frequency, 9.0, 0.02, 1 / RATE, 1 / RATE).mean() * RATE / 2
    w = 0.5
    assert area == pytest.approx(9.0 * 2 * (w + np.expm1(-w)) / w**2, rel=1e-4)
    # Lansdorp and Saleh 2012, the Allan variance for full exposure, written with x = kappa tau / alpha
    m, x = np.array([1.0, 4.0, 64.0]), np.array([1.0, 4.0, 64.0]) * w
    closed = 2 * 9.0 / x * (1 + 2 / x * np.exp(-x) - np.exp(-2 * x) / (2 * x) - 3 / (2 * x))
    assert expected_allan_variance(m, 9.0, 0.02, 1 / RATE, 1 / RATE) == pytest.approx(closed, rel=1e-9)


def test_drift_is_that_of_the_references():
    rng = np.random.default_rng(4)
    drift = np.cumsum(rng.normal(0, 1, 500))
    own = rng.normal(0, 1, (500, 4)) * [0.1, 0.1, 5, 5]
    traces = own + drift[:, None]
    traces[100, 0] = np.nan
    cleaned = subtract_drift(traces, [0, 1], np.full((500, 4), 0.1))
    assert np.nanstd(cleaned[:, 2] - own[:, 2]) < 0.2
    assert np.isnan(cleaned[100, 0])
    with pytest.raises(BadInputError, match="0 references"):
        subtract_drift(traces, [])


def test_allan_deviation_of_white_noise_falls_with_the_root_of_time():
    tau, deviation = allan_deviation(np.random.default_rng(5).normal(size=65536), RATE)
    assert tau[0] == 0.01
    assert deviation[:8] * np.sqrt(tau[:8] * RATE) == pytest.approx(np.ones(8), rel=0.1)
    assert np.isnan(allan_variance(np.ones(10), [6])).all()


def test_unusable_traces_are_refused():
    with pytest.raises(BadInputError, match="64 samples"):
        fit_power_spectrum(np.zeros(10), RATE)
    with pytest.raises(BadInputError, match="1 samples of the trace"):
        fit_allan_variance(np.r_[np.zeros(99), np.nan], RATE)
