"""Stiffness and force from the motion of a tethered bead.

A camera averages the bead's motion over its exposure and samples it: both change spectrum and variance. Here
the covariance of exposures of an overdamped bead in a harmonic well is exact, and so are its spectrum,
aliasing included, and its Allan variance (for full exposure these are the closed forms of Lansdorp and Saleh
2012, doi:10.1063/1.3687431). Both are fitted by maximum likelihood.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from parfocal.core.errors import BadInputError
from parfocal.tracking.checks import checked_number
from parfocal.tracking.drift import allan_variance
from parfocal.tracking.gamma_fit import fit_scale_and_time

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from parfocal.tracking.gamma_fit import ScaleAndTime

    Number = float | NDArray[np.float64]

_BOLTZMANN = 0.01380649
"""pN nm / K."""
_COLDEST_K, _HOTTEST_K = 250.0, 400.0
"""Between which a bead moves in a fluid."""
_NO_BLUR = 1e-4
"""An exposure of so many relaxation times is one of none."""


@dataclass(frozen=True, slots=True)
class Stiffness:
    """A harmonic well, as fitted.

    Attributes
    ----------
    stiffness_pn_per_nm, drag_pn_s_per_nm : float
        Of the well, and of the bead in its fluid.
    stiffness_error : float
        Standard deviation of the stiffness, relative to it.
    corner_hz : float
        Where the spectrum bends.
    """

    stiffness_pn_per_nm: float
    drag_pn_s_per_nm: float
    stiffness_error: float
    corner_hz: float


def covariance(
    lags: ArrayLike, variance: float, relaxation_s: float, interval_s: float, exposure_s: float
) -> NDArray[np.float64]:
    """Return the covariance of exposures so many frames apart.

    `variance` is that of the motion itself; `exposure_s` lies between 0, no blur, and `interval_s`.

    Examples
    --------
    A short exposure sees the full variance, a long one less:

    >>> (
    ...     covariance([0], 4.0, 0.1, 0.01, 1e-6).round(3).tolist(),
    ...     covariance([0], 4.0, 0.1, 1.0, 1.0).round(3).tolist(),
    ... )
    ([4.0], [0.72])
    """
    _check_well(variance, relaxation_s, interval_s, exposure_s)
    return _covariance(lags, variance, relaxation_s, interval_s, exposure_s)


def _covariance(
    lags: ArrayLike, variance: Number, relaxation_s: Number, interval_s: float, exposure_s: float
) -> NDArray[np.float64]:
    """Return the same without checks; variances and times may be arrays that broadcast with `lags`."""
    w = np.maximum(exposure_s / relaxation_s, _NO_BLUR)
    k = np.asarray(lags, dtype=float)
    at_zero = 2 * (w + np.expm1(-w)) / w**2
    apart_s = np.maximum(k * interval_s - exposure_s, 0.0)
    later = (-np.expm1(-w) / w) ** 2 * np.exp(-apart_s / relaxation_s)
    return np.asarray(variance * np.where(k == 0, at_zero, later))


def power_spectrum(
    frequency_hz: ArrayLike, variance: float, relaxation_s: float, interval_s: float, exposure_s: float
) -> NDArray[np.float64]:
    """Return the one-sided spectrum of sampled exposures, aliasing included, up to half the frame rate."""
    _check_well(variance, relaxation_s, interval_s, exposure_s)
    return _spectrum(frequency_hz, variance, relaxation_s, interval_s, exposure_s)


def _spectrum(
    frequency_hz: ArrayLike, variance: Number, relaxation_s: Number, interval_s: float, exposure_s: float
) -> NDArray[np.float64]:
    first, second = (_covariance(lag, variance, relaxation_s, interval_s, exposure_s) for lag in (0, 1))
    a = np.exp(-interval_s / relaxation_s)
    cosine = np.cos(2 * np.pi * np.asarray(frequency_hz) * interval_s)
    return np.asarray(2 * interval_s * (first + 2 * second * (cosine - a) / (1 - 2 * a * cosine + a * a)))


def expected_allan_variance(
    windows: ArrayLike, variance: float, relaxation_s: float, interval_s: float, exposure_s: float
) -> NDArray[np.float64]:
    """Return the Allan variance of exposures averaged over windows of so many frames."""
    _check_well(variance, relaxation_s, interval_s, exposure_s)
    return _allan(windows, variance, relaxation_s, interval_s, exposure_s)


def _allan(
    windows: ArrayLike, variance: Number, relaxation_s: Number, interval_s: float, exposure_s: float
) -> NDArray[np.float64]:
    m = np.asarray(windows, dtype=float)
    first, second = (_covariance(lag, variance, relaxation_s, interval_s, exposure_s) for lag in (0, 1))
    gap = -np.expm1(-interval_s / relaxation_s)
    fade = -np.expm1(-m * interval_s / relaxation_s)
    own = first / m + 2 * second * (m * gap - fade) / (gap * m) ** 2
    return np.asarray(own - second * (fade / (gap * m)) ** 2)


def fit_power_spectrum(
    trace_nm: ArrayLike,
    rate_hz: float,
    *,
    exposure_s: float | None = None,
    localisation_nm: float = 0.0,
    temperature_k: float = 298.0,
) -> Stiffness:
    """Fit the spectrum of a trace.

    Parameters
    ----------
    trace_nm : array_like, (frames,)
        One coordinate across the tether, evenly spaced in time, drift removed.
    rate_hz : float
        Frames in a second.
    exposure_s : float, optional
        From 0, no blur, to the whole frame interval, which is taken if it is not given.
    localisation_nm : float
        Standard deviation of the tracking itself, as the tracker gives it; less than that of the trace.
    temperature_k : float
        Of the fluid, in kelvin.

    Raises
    ------
    BadInputError
        If there are fewer than 64 samples, some are no numbers, none differs from the others by more than
        rounding, or an argument lies where physics does not; names the value.
    """
    interval, exposure = _checked_times(rate_hz, exposure_s)
    x = _checked_trace(trace_nm, localisation_nm)
    _check_temperature(temperature_k)
    return fit_power_spectra(x[None], interval, exposure, np.array([localisation_nm]), temperature_k)[0]


def fit_allan_variance(
    trace_nm: ArrayLike,
    rate_hz: float,
    *,
    exposure_s: float | None = None,
    localisation_nm: float = 0.0,
    temperature_k: float = 298.0,
) -> Stiffness:
    """Fit the Allan variance, which slow drift disturbs less; arguments as for `fit_power_spectrum`."""
    interval, exposure = _checked_times(rate_hz, exposure_s)
    x = _checked_trace(trace_nm, localisation_nm)
    _check_temperature(temperature_k)
    return fit_allan_variances(x[None], interval, exposure, np.array([localisation_nm]), temperature_k)[0]


def fit_power_spectra(
    traces_nm: NDArray[np.float64],
    interval_s: float,
    exposure_s: float,
    localisation_nm: NDArray[np.float64],
    temperature_k: float = 298.0,
) -> list[Stiffness]:
    """Fit the spectra of many traces (beads, frames) at once, which are not checked.

    As `fit_power_spectrum`, with a localisation error for each bead.
    """
    x = traces_nm - traces_nm.mean(axis=1, keepdims=True)
    power = 2 * interval_s / x.shape[1] * np.abs(np.fft.rfft(x)) ** 2
    frequency = np.arange(power.shape[1], dtype=np.float64) / (x.shape[1] * interval_s)
    inside = slice(1, power.shape[1] - (1 - x.shape[1] % 2))
    frequency, power, count = _pooled(frequency[inside], power[:, inside])

    def unit(relaxation_s: NDArray[np.float64]) -> NDArray[np.float64]:
        return _spectrum(frequency, 1.0, relaxation_s[:, None], interval_s, exposure_s)

    floor = np.broadcast_to(2 * interval_s * localisation_nm[:, None] ** 2, power.shape)
    found = fit_scale_and_time(unit, power, count, floor, _times(interval_s, x))
    return _stiffnesses(found, found.errors(count), temperature_k)


def fit_allan_variances(
    traces_nm: NDArray[np.float64],
    interval_s: float,
    exposure_s: float,
    localisation_nm: NDArray[np.float64],
    temperature_k: float = 298.0,
) -> list[Stiffness]:
    """Fit the Allan variances of many traces at once, as `fit_power_spectra`.

    Those of different windows hold the same motion: their covariance, which the errors take into account,
    comes from the spectrum that was fitted.
    """
    frames = traces_nm.shape[1]
    windows = 2 ** np.arange(int(np.log2(frames / 8)))
    measured = np.stack([allan_variance(trace, windows) for trace in traces_nm])
    shape = 0.5 * (frames / windows - 1)

    def unit(relaxation_s: NDArray[np.float64]) -> NDArray[np.float64]:
        return _allan(windows, 1.0, relaxation_s[:, None], interval_s, exposure_s)

    floor = localisation_nm[:, None] ** 2 / windows
    found = fit_scale_and_time(unit, measured, shape, floor, _times(interval_s, traces_nm))
    frequency = np.arange(1, (frames + 1) // 2) / (frames * interval_s)
    well = _spectrum(frequency, found.scale[:, None], found.time_s[:, None], interval_s, exposure_s)
    density = (well + 2 * interval_s * localisation_nm[:, None] ** 2) / (frames * interval_s)
    gains = _gains(windows, frequency * interval_s)
    shared = np.einsum("mk,nk,lk->nml", gains, density**2, gains, optimize=True)
    relative = shared / found.expected[:, :, None] / found.expected[:, None, :]
    return _stiffnesses(found, found.errors_of(shape, relative), temperature_k)


def _gains(windows: NDArray[np.int64], cycles: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how much of the power at a frequency (cycles for each frame) is in each Allan variance."""
    m = windows[:, None]
    return np.asarray(2 * np.sin(np.pi * m * cycles) ** 4 / (m * np.sin(np.pi * cycles)) ** 2)


def _times(interval_s: float, x: NDArray[np.float64]) -> tuple[float, float]:
    """Return the relaxation times between which a trace can tell one."""
    return interval_s / 50, interval_s * x.shape[1]


def _stiffnesses(found: ScaleAndTime, errors: NDArray[np.float64], temperature_k: float) -> list[Stiffness]:
    stiffness = _BOLTZMANN * temperature_k / found.scale
    return [
        Stiffness(
            stiffness_pn_per_nm=float(k),
            drag_pn_s_per_nm=float(k * time_s),
            stiffness_error=float(error),
            corner_hz=float(1 / (2 * np.pi * time_s)),
        )
        for k, time_s, error in zip(stiffness, found.time_s, errors, strict=True)
    ]


def force_pn(stiffness_pn_per_nm: float, extension_nm: float, radius_nm: float = 0.0) -> float:
    """Return the force that holds a bead at the end of a tether.

    Parameters
    ----------
    stiffness_pn_per_nm : float
        From the motion across the tether.
    extension_nm : float
        Of the tether.
    radius_nm : float
        0 for motion along the field, about which the bead does not turn (short pendulum); the bead's radius
        for motion across it, where the bead turns with the tether (long pendulum).

    Examples
    --------
    >>> force_pn(0.001, 1000.0), force_pn(0.001, 1000.0, 500.0)
    (1.0, 1.5)
    """
    stiffness = checked_number("stiffness_pn_per_nm", stiffness_pn_per_nm, above=0)
    extension = checked_number("extension_nm", extension_nm, least=0)
    return stiffness * (extension + checked_number("radius_nm", radius_nm, least=0))


def _check_temperature(temperature_k: float) -> None:
    checked_number("temperature_k", temperature_k, least=_COLDEST_K, most=_HOTTEST_K, hint="in kelvin")


def _check_well(variance: float, relaxation_s: float, interval_s: float, exposure_s: float) -> None:
    checked_number("variance", variance, above=0)
    checked_number("relaxation_s", relaxation_s, above=0)
    checked_number("interval_s", interval_s, above=0)
    checked_number("exposure_s", exposure_s, least=0, most=interval_s, hint="not longer than the interval")


def _checked_times(rate_hz: float, exposure_s: float | None) -> tuple[float, float]:
    """Return the interval of frames and the exposure, seconds."""
    interval = 1 / checked_number("rate_hz", rate_hz, above=0, hint="frames in a second")
    if exposure_s is None:
        return interval, interval
    hint = f"in seconds, and not longer than the frame interval of {interval:g} s"
    longest = interval * (1 + 1e-9)  # 0.01 s at 100 Hz, whatever rounding makes of it
    return interval, min(checked_number("exposure_s", exposure_s, least=0, most=longest, hint=hint), interval)


def _checked_trace(trace: ArrayLike, localisation_nm: float) -> NDArray[np.float64]:
    """Return a trace that moves more than its localisation alone would."""
    checked_number("localisation_nm", localisation_nm, least=0)
    x = np.asarray(trace, dtype=float)
    if x.ndim != 1 or x.size < 64:
        raise BadInputError(f"a trace needs at least 64 samples in one dimension, not shape {x.shape}")
    if not np.isfinite(x).all():
        raise BadInputError(
            f"{int((~np.isfinite(x)).sum())} samples of the trace are no numbers; fill or cut them"
        )
    spread = float(x.std())
    if not spread > 1e-9 * float(np.abs(x).max()):
        raise BadInputError(f"the trace does not move: all samples are {x[0]:g} nm")
    if not localisation_nm < spread:
        raise BadInputError(
            f"localisation_nm is {localisation_nm:g}, but the whole trace moves by {spread:g} nm (RMS): "
            "nothing would be left for the bead"
        )
    return x


def _pooled(
    frequency: NDArray[np.float64], power: NDArray[np.float64], most: int = 400
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Average neighbouring frequencies, more of them the higher they are, so that few points remain."""
    edges = np.unique(np.rint(np.geomspace(1, frequency.size + 1, most)).astype(int)) - 1
    count = np.diff(edges).astype(float)
    first = edges[:-1]
    return np.add.reduceat(frequency, first) / count, np.add.reduceat(power, first, axis=1) / count, count
