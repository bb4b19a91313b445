"""Looks for the settings with the best score in few trials: Bayesian optimisation with a Gaussian process.

The next trial is where the expected improvement over the best one so far is largest (Jones, Schonlau and
Welch 1998, doi:10.1023/A:1008306431147), by a process with a Matern kernel whose scales and noise are fitted
to the trials. Needs scikit-learn: ``pip install "parfocal[optimize]"``.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import norm, qmc

from parfocal.core.errors import BadInputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_CANDIDATES = 1024
_NEAR = 0.05


class GaussianProcessOptimiser:
    """Asks for trials, and learns from their scores. One thread; the same seed asks for the same.

    It may be asked again before the last trial has a score, as several rigs want at once: of such a trial it
    takes for granted, until then, what it expects of it (Ginsbourger, Le Riche and Carraro 2010,
    doi:10.1007/978-3-642-10701-6_6).

    Parameters
    ----------
    bounds : mapping of str to (float, float)
        Between what each value lies.
    first : int
        How many trials are spread evenly before it goes by what it has learnt.
    maximise : bool
        Whether a high score is good, or a low one.
    seed : int
        Of its random numbers.

    Raises
    ------
    BadInputError
        If bounds are none; names the value.

    Examples
    --------
    >>> process = GaussianProcessOptimiser({"x": (0, 10)}, seed=3)
    >>> for _ in range(12):
    ...     values = process.ask()
    ...     process.tell(values, -((values["x"] - 7) ** 2))
    >>> abs(process.best[0]["x"] - 7) < 0.5
    True
    """

    def __init__(
        self,
        bounds: Mapping[str, tuple[float, float]],
        *,
        first: int = 4,
        maximise: bool = True,
        seed: int = 0,
    ) -> None:
        if not bounds:
            raise BadInputError("bounds must name at least one value, with (low, high)")
        for name, (low, high) in bounds.items():
            if not (math.isfinite(low) and math.isfinite(high) and low < high):
                raise BadInputError(f"bounds of {name!r} must be (low, high), not ({low}, {high})")
        self._names = tuple(bounds)
        self._low = np.array([low for low, _ in bounds.values()], dtype=float)
        self._size = np.array([high - low for low, high in bounds.values()], dtype=float)
        self._first, self._sign = max(2, first), 1.0 if maximise else -1.0
        self._spread = qmc.Halton(len(bounds), seed=seed)
        self._random = np.random.default_rng(seed)
        self._asked = 0
        self._open: list[NDArray[np.float64]] = []
        self._tried: list[NDArray[np.float64]] = []
        self._scores: list[float] = []

    def ask(self) -> dict[str, float]:
        """Return the values of the next trial."""
        self._asked += 1
        spread = self._asked <= self._first or len(self._scores) < 2
        point = self._spread.random(1)[0] if spread else self._most_promising()
        self._open.append(point)
        values = self._low + point * self._size
        return dict(zip(self._names, map(float, values), strict=True))

    def leave_out(self, values: Mapping[str, float]) -> None:
        """Expect no score of a trial that was asked for."""
        point = self._point(values)
        self._open = [one for one in self._open if not np.allclose(one, point)]

    def tell(self, values: Mapping[str, float], score: float) -> None:
        """Take the score of a trial; one that is no number is left out."""
        self.leave_out(values)
        if math.isfinite(score):
            self._tried.append(self._point(values))
            self._scores.append(float(score))

    @property
    def best(self) -> tuple[dict[str, float], float]:
        """The values with the best score so far, and that score; `BadInputError` before there is one."""
        if not self._scores:
            raise BadInputError("no trial has a score yet")
        at = int(np.argmax(self._sign * np.array(self._scores)))
        values = self._low + self._tried[at] * self._size
        return dict(zip(self._names, map(float, values), strict=True)), self._scores[at]

    def _point(self, values: Mapping[str, float]) -> NDArray[np.float64]:
        """Return where a trial lies in the unit cube."""
        tried = np.array([values[name] for name in self._names], dtype=float)
        point: NDArray[np.float64] = (tried - self._low) / self._size
        return point

    def _most_promising(self) -> NDArray[np.float64]:
        """Return the point of the unit cube with the largest expected improvement, of many at random."""
        model, scores = self._fitted(), self._sign * np.array(self._scores)
        around = self._tried[int(np.argmax(scores))] + _NEAR * self._random.standard_normal(
            (_CANDIDATES, len(self._names))
        )
        points = np.clip(np.vstack([self._random.random((_CANDIDATES, len(self._names))), around]), 0.0, 1.0)
        mean, sigma = model.predict(points, return_std=True)
        sigma = np.maximum(sigma, 1e-12)
        better = (mean - scores.max()) / sigma
        expected = sigma * (better * norm.cdf(better) + norm.pdf(better))
        best: NDArray[np.float64] = points[int(np.argmax(expected))]
        return best

    def _fitted(self) -> Any:
        try:
            from sklearn.exceptions import ConvergenceWarning
            from sklearn.gaussian_process import GaussianProcessRegressor
            from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel
        except ImportError as error:
            raise BadInputError(
                'a GaussianProcessOptimiser needs scikit-learn: pip install "parfocal[optimize]"'
            ) from error
        kernel = ConstantKernel(1.0, (1e-2, 1e2)) * Matern(
            length_scale=[0.3] * len(self._names), length_scale_bounds=(0.02, 5.0), nu=2.5
        ) + WhiteKernel(1e-3, (1e-6, 1.0))
        model = GaussianProcessRegressor(kernel, normalize_y=True, n_restarts_optimizer=2, random_state=0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # a scale at its bound is good enough
            model.fit(np.array(self._tried), self._sign * np.array(self._scores))
            if self._open:
                expected = model.predict(np.array(self._open))
                model.set_params(kernel=model.kernel_, optimizer=None)
                scores = np.concatenate([self._sign * np.array(self._scores), expected])
                model.fit(np.array([*self._tried, *self._open]), scores)
        return model
