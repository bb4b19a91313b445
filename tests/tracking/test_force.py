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
    force_pn,
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


def stepped(cleaned, frame):
    """Return the step in what is left of a bead, at a frame."""
    return abs(np.nanmean(cleaned[frame : frame + 300]) - np.nanmean(cleaned[frame - 300 : frame]))


@pytest.mark.parametrize(
    ("lost", "found"), [(500, 0), (500, 400), (500, 500), (490, 505)], ids=["lost", "meet", "replaced", "gap"]
)
def test_a_reference_that_is_lost_or_replaced_makes_no_step(lost, found):
    rng = np.random.default_rng(6)
    drift = np.linspace(0, 100, 1000)
    traces = drift[:, None] + rng.normal(0, 1, (1000, 3)) + [0, 40, 0]
    traces[lost:, 0] = traces[:found, 1] = np.nan
    for sigma in (None, np.ones((1000, 3))):
        cleaned = subtract_drift(traces, [0, 1], sigma)[:, 2]
        assert stepped(cleaned, 500) < 1.0
        assert np.nanstd(cleaned) < 2.0


def test_what_the_references_cannot_tell_is_refused():
    drift = np.linspace(0, 100, 1000)
    traces = drift[:, None] + np.random.default_rng(7).normal(0, 1, (1000, 3))
    traces[400:, 0] = traces[:600, 1] = np.nan
    with pytest.raises(BadInputError, match="from frame 400 to 599"):
        subtract_drift(traces, [0, 1])
    assert np.isnan(subtract_drift(traces, [0])[400:, 2]).all()


def test_references_are_numbers_or_a_mask():
    rng = np.random.default_rng(8)
    traces = np.cumsum(rng.normal(0, 1, 100))[:, None] + rng.normal(0, 0.1, (100, 4)) + [0, 1, 2, 3]
    mask = np.array([False, False, True, True])
    assert np.array_equal(subtract_drift(traces, mask), subtract_drift(traces, [2, 3]))
    for wrong, told in (
        ([], "0 references"),
        ([True, False], "one place for each of 4 beads"),
        (mask & False, "0 references"),
        ([4], r"references \[4\] are no columns"),
        ([-1], r"references \[-1\] are no columns"),
        ([1, 1], "twice"),
        ([0.5], "whole numbers or a mask"),
    ):
        with pytest.raises(BadInputError, match=told):
            subtract_drift(traces, wrong)
    empty = traces.copy()
    empty[:, 1] = np.nan
    with pytest.raises(BadInputError, match=r"references \[1\] were not tracked"):
        subtract_drift(empty, [0, 1])
    with pytest.raises(BadInputError, match=r"positive, not -1 \(frame 0, bead 0\)"):
        subtract_drift(traces, [0], np.full((100, 4), -1.0))
    with pytest.raises(BadInputError, match="sigma has shape"):
        subtract_drift(traces, [0], np.ones(4))
    with pytest.raises(BadInputError, match="smooth_frames"):
        subtract_drift(traces, [0], smooth_frames=0)


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


@pytest.mark.parametrize("fit", [fit_power_spectrum, fit_allan_variance])
def test_an_exposure_of_zero_is_no_blur(fit):
    rng = np.random.default_rng(9)
    ratio = []
    for _ in range(20):
        x, truth = trace(20, rng, exposure=1 / 40)
        ratio.append(fit(x, RATE, exposure_s=0).stiffness_pn_per_nm / truth)
    assert abs(np.mean(ratio) - 1) < 0.05


@pytest.mark.parametrize("fit", [fit_power_spectrum, fit_allan_variance])
@pytest.mark.parametrize(
    ("rate_hz", "options", "told"),
    [
        (0, {}, "rate_hz must be above 0, not 0"),
        (-100, {}, "rate_hz must be above 0, not -100"),
        (np.nan, {}, "rate_hz must be above 0, not nan"),
        (RATE, {"exposure_s": 10}, "exposure_s must be from 0 to 0.01, not 10 .in seconds"),
        (RATE, {"exposure_s": 0.011}, "exposure_s must be from 0 to 0.01, not 0.011"),
        (RATE, {"exposure_s": -0.01}, "not -0.01"),
        (RATE, {"exposure_s": np.nan}, "not nan"),
        (RATE, {"localisation_nm": -1}, "localisation_nm must be 0 or more, not -1"),
        (RATE, {"localisation_nm": 1e6}, "nothing would be left for the bead"),
        (RATE, {"temperature_k": 25}, "temperature_k must be from 250 to 400, not 25 .in kelvin"),
    ],
)
def test_arguments_that_physics_does_not_know_are_refused(fit, rate_hz, options, told):
    x, _ = trace(10, np.random.default_rng(10), frames=200)
    with pytest.raises(BadInputError, match=told):
        fit(x, rate_hz, **options)


def test_a_bead_that_does_not_move_has_no_stiffness():
    for still in (0.0, 1234.5):
        with pytest.raises(BadInputError, match="does not move"):
            fit_power_spectrum(np.full(1000, still), RATE)


def test_forces_and_deviations_of_nonsense_are_refused():
    for wrong in ((-1e-3, 1000.0), (np.nan, 1000.0), (1e-3, -5.0), (1e-3, 1000.0, -1.0)):
        with pytest.raises(BadInputError, match="must be"):
            force_pn(*wrong)
    with pytest.raises(BadInputError, match="exposure_s"):
        power_spectrum([1.0], 1.0, 0.1, 0.01, 0.02)
    with pytest.raises(BadInputError, match="relaxation_s"):
        expected_allan_variance([1], 1.0, -0.1, 0.01, 0.01)
    with pytest.raises(BadInputError, match="rate_hz"):
        allan_deviation(np.arange(100.0), 0)
    with pytest.raises(BadInputError, match="no numbers"):
        allan_deviation(np.r_[np.arange(99.0), np.nan], RATE)
    with pytest.raises(BadInputError, match="windows"):
        allan_variance(np.arange(99.0), [0])
