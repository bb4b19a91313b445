"""The motion of a bead as a spectrum and as an Allan deviation, beside those of a harmonic well. Pure."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from parfocal.tracking.drift import allan_variance
from parfocal.tracking.force import expected_allan_variance, power_spectrum

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

FEWEST = 64
"""Of fewer samples nothing is drawn."""
_BOLTZMANN = 0.01380649
"""pN nm / K."""
_A_DECADE = 16
"""Points of a spectrum in each decade."""
_MISSED = 5
"""A trace is cut where no row came for so many times the usual time between two."""


class MotionTrace(NamedTuple):
    """Places of a bead along one axis, nm, evenly spaced, and how far apart in time, s."""

    places_nm: Floats
    interval_s: float


class WellOfMotion(NamedTuple):
    """A harmonic well: its stiffness, pN/nm, and the corner of its spectrum, Hz; and how warm it is, K."""

    stiffness_pn_per_nm: float
    corner_hz: float
    temperature_k: float = 298.0

    @property
    def is_known(self) -> bool:
        """Whether both are positive numbers."""
        numbers = (self.stiffness_pn_per_nm, self.corner_hz)
        return all(math.isfinite(number) and number > 0 for number in numbers)

    @property
    def variance_nm2(self) -> float:
        """That of the motion."""
        return _BOLTZMANN * self.temperature_k / self.stiffness_pn_per_nm

    @property
    def relaxation_s(self) -> float:
        """After which time it has forgotten where it was."""
        return 1 / (2 * math.pi * self.corner_hz)

    def as_stiff_as(self, stiffness_pn_per_nm: float) -> WellOfMotion:
        """Return the well of the same bead in the same fluid with another stiffness.

        Examples
        --------
        >>> WellOfMotion(1e-3, 5.0).as_stiff_as(2e-3).corner_hz
        10.0
        """
        corner_hz = self.corner_hz * stiffness_pn_per_nm / self.stiffness_pn_per_nm
        return WellOfMotion(stiffness_pn_per_nm, corner_hz, self.temperature_k)


class CameraBlur(NamedTuple):
    """What the camera makes of motion: its exposure, s, and the error of each place, nm."""

    exposure_s: float
    localisation_nm: float


def motion_trace(times_ns: NDArray[np.int64], places_nm: Floats) -> MotionTrace | None:
    """Return the newest evenly spaced stretch of a trace, lost frames filled and a line taken away.

    None of fewer than 64 samples.

    Examples
    --------
    >>> times = np.arange(200) * 10_000_000
    >>> times[50:] += 5_000_000_000  # the camera was off for five seconds
    >>> trace = motion_trace(times, np.arange(200.0))
    >>> len(trace.places_nm), round(trace.interval_s, 9), float(abs(trace.places_nm).max().round(6))
    (150, 0.01, 0.0)
    """
    steps = np.diff(times_ns)
    if len(steps) < FEWEST:
        return None
    usual = float(np.median(steps))
    cuts = np.flatnonzero(steps > _MISSED * usual)
    begin = int(cuts[-1]) + 1 if len(cuts) else 0
    seconds, places = (times_ns[begin:] - times_ns[begin]) * 1e-9, places_nm[begin:]
    good = np.isfinite(places)
    if good.sum() < FEWEST:
        return None
    even = np.arange(round(seconds[-1] * 1e9 / usual) + 1) * usual * 1e-9
    filled = np.interp(even, seconds[good], places[good])
    line = np.polynomial.Polynomial.fit(even, filled, 1)
    return MotionTrace(filled - line(even), usual * 1e-9)


def spectrum_of(trace: MotionTrace) -> tuple[Floats, Floats]:
    """Return frequencies, Hz, and the one-sided spectrum, nm²/Hz: means over about equal parts of a decade.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> frequency, power = spectrum_of(MotionTrace(rng.normal(0.0, 3.0, 4096), 0.01))
    >>> bool(frequency[-1] <= 50), round(float(np.average(power, weights=frequency) * 50 / 9), 1)
    (True, 1.0)
    """
    x = trace.places_nm
    power = (2 * trace.interval_s / len(x) * np.abs(np.fft.rfft(x)) ** 2)[1:]
    frequency = np.arange(1, len(power) + 1) / (len(x) * trace.interval_s)
    part = np.floor(np.log10(frequency) * _A_DECADE).astype(np.int64)
    starts = np.flatnonzero(np.diff(part, prepend=part[0] - 1))
    counts = np.diff(np.append(starts, len(part)))
    return _means(frequency, starts, counts), _means(power, starts, counts)


def spectrum_of_well(well: WellOfMotion, frequency_hz: Floats, interval_s: float, blur: CameraBlur) -> Floats:
    """Return the spectrum, nm²/Hz, that a camera sees of a well."""
    seen = power_spectrum(frequency_hz, well.variance_nm2, well.relaxation_s, interval_s, blur.exposure_s)
    return np.asarray(seen + 2 * interval_s * blur.localisation_nm**2)


def allan_of(trace: MotionTrace) -> tuple[Floats, Floats]:
    """Return lengths of windows, s, and the Allan deviation of their means, nm.

    Examples
    --------
    >>> seconds, deviation = allan_of(MotionTrace(np.random.default_rng(1).normal(0.0, 3.0, 4096), 0.01))
    >>> round(float(seconds[0]), 3), round(float(deviation[0]))
    (0.01, 3)
    """
    windows = _windows(len(trace.places_nm))
    seconds = np.asarray(windows * trace.interval_s, dtype=np.float64)
    return seconds, np.sqrt(allan_variance(trace.places_nm, windows))


def allan_of_well(well: WellOfMotion, seconds: Floats, interval_s: float, blur: CameraBlur) -> Floats:
    """Return the Allan deviation, nm, that a camera sees of a well."""
    windows = seconds / interval_s
    seen = expected_allan_variance(windows, well.variance_nm2, well.relaxation_s, interval_s, blur.exposure_s)
    return np.asarray(np.sqrt(seen + blur.localisation_nm**2 / windows))


def _means(values: Floats, starts: NDArray[np.int64], counts: NDArray[np.int64]) -> Floats:
    """Return the means of parts that begin at `starts`."""
    return np.asarray(np.add.reduceat(values, starts) / counts, dtype=np.float64)


def _windows(samples: int) -> NDArray[np.int64]:
    """Return lengths of windows, each about a quarter longer than the one before, up to an eighth of all."""
    most = max(1, samples // 8)
    return np.unique(np.round(np.geomspace(1, most, 32)).astype(np.int64))
