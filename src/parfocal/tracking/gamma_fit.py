"""Fits of two numbers, a scale and a time, to gamma-distributed values; many traces at once. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_STARTS = 24
_STEPS = 60
_CLOSE = 1e-6
_LARGEST_STEP = 0.7
_BEND = 1e-3


class ScaleAndTime(NamedTuple):
    """What was fitted to each of n traces.

    Attributes
    ----------
    scale, time_s : ndarray, (n,)
        Of each.
    slopes : ndarray, (n, points, 2)
        By how much the logarithm of each expected value changes with those of scale and time.
    expected : ndarray, (n, points)
        Where the measured ones should lie.
    """

    scale: Floats
    time_s: Floats
    slopes: Floats
    expected: Floats

    def errors(self, shape: Floats) -> Floats:
        """Return the standard deviation of each scale, relative to it, for values that are independent.

        Infinite where the values do not tell scale and time apart.
        """
        return relative_errors(np.einsum("npa,p,npb->nab", self.slopes, shape, self.slopes))

    def errors_of(self, shape: Floats, covariance: Floats) -> Floats:
        """Return them for values with a covariance (n, points, points), relative to what is expected."""
        curvature = np.einsum("npa,p,npb->nab", self.slopes, shape, self.slopes)
        weighted = self.slopes * shape[:, None]
        spread = np.einsum("npa,npq,nqb->nab", weighted, covariance, weighted)
        result = np.full(len(curvature), np.inf)
        for n in np.flatnonzero(_determined(curvature)):
            inverse = np.linalg.inv(curvature[n])
            result[n] = np.sqrt((inverse @ spread[n] @ inverse)[0, 0])
        return result


def relative_errors(curvature: Floats) -> Floats:
    """Return the standard deviation of the first of two numbers from curvatures (n, 2, 2)."""
    result = np.full(len(curvature), np.inf)
    good = _determined(curvature)
    result[good] = np.sqrt(curvature[good, 1, 1] / np.linalg.det(curvature[good]))
    return result


def fit_scale_and_time(
    unit: Callable[[Floats], Floats],
    measured: Floats,
    shape: Floats,
    floor: Floats,
    times_s: tuple[float, float],
) -> ScaleAndTime:
    """Maximise the likelihood of gamma-distributed values, by scoring from the best of a grid of times.

    Parameters
    ----------
    unit : callable
        Takes times (n,), and returns the expected values (n, points) for a scale of 1.
    measured : ndarray, (n, points)
        The values.
    shape : ndarray, (points,)
        Of their distributions: half the degrees of freedom of each.
    floor : ndarray, (n, points)
        What is to be expected of each even for a scale of 0.
    times_s : tuple of float
        Between which the time lies.

    Examples
    --------
    >>> points = np.linspace(0.1, 3, 30)
    >>> def unit(times):
    ...     return np.exp(-points / times[:, None])
    >>> found = fit_scale_and_time(
    ...     unit, 5.0 * unit(np.array([0.7, 2.0])), np.ones(30), np.zeros((2, 30)), (0.01, 100.0)
    ... )
    >>> found.scale.round(3).tolist(), found.time_s.round(3).tolist()
    ([5.0, 5.0], [0.7, 2.0])
    """
    low, high = np.log(times_s)

    def expected(p: Floats) -> Floats:
        return np.asarray(floor + np.exp(p[:, :1]) * unit(np.exp(p[:, 1])))

    def cost(values: Floats) -> Floats:
        return np.asarray(((measured / values + np.log(values)) * shape).sum(axis=1))

    p = _begin(unit, measured, shape, floor, np.linspace(low, high, _STARTS), cost)
    values = expected(p)
    best = cost(values)
    damping = np.full(len(p), 1e-3)
    for _ in range(_STEPS):
        slopes = _slopes(expected, p, values, floor)
        gradient = np.einsum("npa,np->na", slopes, shape * (measured / values - 1))
        curvature = np.einsum("npa,p,npb->nab", slopes, shape, slopes)
        scaled = curvature + damping[:, None, None] * _diagonal(curvature)
        step = np.clip(np.linalg.solve(scaled, gradient[..., None])[..., 0], -_LARGEST_STEP, _LARGEST_STEP)
        tried = p + step
        tried[:, 1] = np.clip(tried[:, 1], low, high)
        tried_values = expected(tried)
        tried_cost = cost(tried_values)
        better = tried_cost <= best
        p = np.where(better[:, None], tried, p)
        values = np.where(better[:, None], tried_values, values)
        best = np.where(better, tried_cost, best)
        damping = np.clip(np.where(better, damping / 5, damping * 10), 1e-9, 1e6)
        if (np.abs(step).max(axis=1) < _CLOSE).all():
            break
    return ScaleAndTime(np.exp(p[:, 0]), np.exp(p[:, 1]), _slopes(expected, p, values, floor), values)


def _begin(
    unit: Callable[[Floats], Floats],
    measured: Floats,
    shape: Floats,
    floor: Floats,
    grid: Floats,
    cost: Callable[[Floats], Floats],
) -> Floats:
    """Return the best of a grid of times, with a scale for each, as logarithms (n, 2)."""
    best = np.full(len(measured), np.inf)
    p = np.zeros((len(measured), 2))
    for log_time in grid:
        ones = unit(np.full(len(measured), np.exp(log_time)))
        over = np.maximum(measured - floor, 1e-3 * measured)
        scale = (over / ones) @ shape / shape.sum()
        found = cost(floor + scale[:, None] * ones)
        better = found < best
        best[better] = found[better]
        p[better] = np.stack([np.log(scale), np.full(len(scale), log_time)], axis=1)[better]
    return p


def _slopes(expected: Callable[[Floats], Floats], p: Floats, values: Floats, floor: Floats) -> Floats:
    """Return the derivatives of the logarithms of the values by both parameters, (n, points, 2)."""
    by_scale = (values - floor) / values
    bend = np.array([0.0, _BEND])
    ahead = np.log(expected(p + bend)) - np.log(expected(p - bend))
    return np.stack([by_scale, ahead / (2 * _BEND)], axis=-1)


def _diagonal(matrices: Floats) -> Floats:
    """Return their diagonals alone, nowhere 0."""
    return np.asarray(np.eye(2) * np.maximum(np.einsum("naa->na", matrices), 1e-12)[:, None, :])


def _determined(curvature: Floats) -> NDArray[np.bool_]:
    """Return which of them have an inverse that rounding does not spoil."""
    diagonal = curvature[:, 0, 0] * curvature[:, 1, 1]
    return np.asarray((np.linalg.det(curvature) > 1e-9 * diagonal) & (diagonal > 0))
