"""An affine map between two sets of places, some of which are wrong. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from parfocal.core.errors import DeviceError

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEAST_PLACES = 6
_TRIPLES = 500
_SPREAD = 0.1
_THIN = 1e-3
"""Triples whose triangle is smaller, in squares as wide as all places, say nothing."""
_FLOOR = 0.25
"""Places nearer than this, in units of what is fitted, are never left out."""


class AffineFit(NamedTuple):
    """``target = matrix[:, :2] @ source + matrix[:, 2]``, the RMS distance from it, and what it rests on."""

    matrix: NDArray[np.float64]
    residual: float
    used: NDArray[np.bool_]

    def inverse(self) -> NDArray[np.float64]:
        """Return the matrix (2, 3) from targets to sources."""
        linear = np.linalg.inv(self.matrix[:, :2])
        return np.column_stack([linear, -linear @ self.matrix[:, 2]])


def fit_affine(source: NDArray[Any], target: NDArray[Any]) -> AffineFit:
    """Fit the map from places to places (n, 2), as long as more than half of them are right.

    Among many triples of places that one whose map has the smallest median distance is taken (Rousseeuw's
    least median of squares, doi:10.1080/01621459.1984.10477105); a least-squares fit follows, without places
    that lie farther off than 2.5 times what that median says of the others.

    Raises
    ------
    DeviceError
        If there are too few places, if those that agree lie near a line, or are no more than half.

    Examples
    --------
    >>> source = np.array([(x, y) for x in (0.0, 10.0, 20.0) for y in (0.0, 10.0, 20.0)])
    >>> target = source @ np.array([[0.0, 2.0], [-2.0, 0.0]]) + 5.0
    >>> target[4] += 30.0
    >>> fit = fit_affine(source, target)
    >>> int(fit.used.sum()), bool(fit.residual < 1e-9)
    (8, True)
    """
    if len(source) < LEAST_PLACES:
        raise DeviceError(f"a calibration needs {LEAST_PLACES} spots or more, and {len(source)} were seen")
    best = _least_median(source, target)
    distance = _distance(best, source, target)
    limit = max(2.5 * 1.4826 * (1.0 + 5.0 / (len(source) - 3)) * float(np.median(distance)), _FLOOR)
    used = distance <= limit
    if used.sum() < max(LEAST_PLACES, len(source) / 2):
        raise DeviceError(f"only {used.sum()} of {len(source)} spots lie where one map has them")
    widths = np.linalg.svd(source[used] - source[used].mean(axis=0), compute_uv=False)
    if widths[1] < _SPREAD * widths[0]:
        raise DeviceError("the spots that were seen lie on a line: see more of the modulator")
    matrix = _least_squares(source[used], target[used])
    residual = float(np.sqrt(np.mean(_distance(matrix, source[used], target[used]) ** 2)))
    return AffineFit(matrix, residual, used)


def _least_median(source: NDArray[Any], target: NDArray[Any]) -> NDArray[np.float64]:
    """Return the map of the best triple; the same places have the same triples."""
    rng = np.random.default_rng(len(source))
    triples = np.argsort(rng.random((_TRIPLES, len(source))), axis=1)[:, :3]
    corners = source[triples]
    first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    area = np.abs(first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0])
    wide = area > _THIN * float(np.ptp(source, axis=0).max()) ** 2
    if not wide.any():
        return _least_squares(source, target)
    design = np.concatenate([corners[wide], np.ones((np.count_nonzero(wide), 3, 1))], axis=2)
    maps = np.swapaxes(np.linalg.solve(design, target[triples[wide]]), 1, 2)
    off = source @ np.swapaxes(maps[:, :, :2], 1, 2) + maps[:, None, :, 2] - target
    medians = np.median(np.hypot(off[..., 0], off[..., 1]), axis=1)
    return np.asarray(maps[np.argmin(medians)], np.float64)


def _least_squares(source: NDArray[Any], target: NDArray[Any]) -> NDArray[np.float64]:
    design = np.column_stack([source, np.ones(len(source))])
    return np.asarray(np.linalg.lstsq(design, target, rcond=None)[0].T, np.float64)


def _distance(matrix: NDArray[np.float64], source: NDArray[Any], target: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(np.hypot(*(source @ matrix[:, :2].T + matrix[:, 2] - target).T))
