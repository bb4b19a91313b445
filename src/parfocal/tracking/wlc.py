"""The tether as a worm-like chain: its extension at a force, and a fit of both. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from parfocal.core.errors import BadInputError
from parfocal.tracking.checks import checked_number

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

_BOLTZMANN = 0.01380649
"""pN nm / K."""
_SERIES = (-0.5164228, -2.737418, 16.07497, -38.87607, 39.49944, -14.17718)
_PERSISTENCE_NM = (0.1, 1e4)


@dataclass(frozen=True, slots=True)
class WormLikeChain:
    """A worm-like chain, as fitted; errors are standard deviations.

    Attributes
    ----------
    contour_nm, contour_error_nm : float
        Length of the relaxed chain.
    persistence_nm, persistence_error_nm : float
        Over which it forgets its direction: about 50 for double-stranded DNA.
    offset_nm, offset_error_nm : float
        What was to be added to the extensions; 0 if that was not fitted.
    chi2 : float
        Sum of the squared residuals in units of sigma, for each degree of freedom; NaN without sigma.
    """

    contour_nm: float
    contour_error_nm: float
    persistence_nm: float
    persistence_error_nm: float
    offset_nm: float = 0.0
    offset_error_nm: float = 0.0
    chi2: float = math.nan


def chain_extension_nm(
    force_pn: ArrayLike,
    contour_nm: float,
    persistence_nm: float = 50.0,
    *,
    stretch_pn: float | None = None,
    temperature_k: float = 298.0,
) -> NDArray[np.float64]:
    """Return the extension of a worm-like chain at forces.

    By the formula of Bouchiat et al. 1999 (doi:10.1016/S0006-3495(99)77207-3), good to 0.01 %, solved for the
    extension; with `stretch_pn`, the part of it that the force stretches the chain by is added.

    Parameters
    ----------
    force_pn : array_like
        Positive, or 0.
    contour_nm, persistence_nm : float
        Of the chain.
    stretch_pn : float, optional
        Stretch modulus, about 1000 for double-stranded DNA: it matters above some 5 pN.
    temperature_k : float
        Of the fluid.

    Examples
    --------
    >>> chain_extension_nm([0.0, 0.4, 10.0], 1000.0).round(1).tolist()
    [0.0, 772.1, 954.6]
    """
    force = np.asarray(force_pn, dtype=float)
    reduced = force * (persistence_nm / (_BOLTZMANN * temperature_k))
    known_force, known_extension = _solutions()
    x = np.interp(np.log(np.maximum(reduced, 1e-9)), known_force, known_extension)
    for _ in range(3):
        x = np.clip(x - (_reduced_force(x) - reduced) / _slope(x), 0.0, 1 - 1e-9)
    stretched = 0.0 if stretch_pn is None else force / stretch_pn
    return np.asarray(contour_nm * (x + stretched))


def fit_worm_like_chain(
    force_pn: ArrayLike,
    extension_nm: ArrayLike,
    sigma_nm: ArrayLike | None = None,
    *,
    free_offset: bool = False,
    persistence_nm: float | None = None,
    stretch_pn: float | None = None,
    temperature_k: float = 298.0,
) -> WormLikeChain:
    """Fit extension as a function of force; see `chain_extension_nm`.

    Parameters
    ----------
    force_pn, extension_nm : array_like, (n,)
        At least 4 points, 5 with an offset; positive forces.
    sigma_nm : array_like, (n,), optional
        Standard deviations of the extensions; without them, all weigh the same, and the residuals tell.
    free_offset : bool
        Fit what is to be added to all extensions, too: heights whose zero is not the surface. Above some
        0.3 pN all three numbers can hardly be told apart: hold the persistence length then.
    persistence_nm : float, optional
        Persistence length, held fixed; None to fit it.
    stretch_pn : float, optional
        Stretch modulus, held fixed; None for a chain that has none.
    temperature_k : float
        Of the fluid.

    Raises
    ------
    BadInputError
        If the points are too few, no numbers, or all at one force; names them.

    Examples
    --------
    >>> force = np.geomspace(0.3, 10, 12)
    >>> chain = fit_worm_like_chain(force, chain_extension_nm(force, 990.0, 47.0) - 300.0, free_offset=True)
    >>> round(chain.contour_nm), round(chain.persistence_nm), round(chain.offset_nm)
    (990, 47, 300)
    """
    force, extension, sigma = _checked(force_pn, extension_nm, sigma_nm, 5 if free_offset else 4)
    if not free_offset and not (extension > 0).all():
        wrong = extension[extension <= 0]
        raise BadInputError(f"extension_nm must be positive, not {wrong.tolist()}, unless an offset is free")
    if stretch_pn is not None:
        checked_number("stretch_pn", stretch_pn, above=0)
    checked_number("temperature_k", temperature_k, least=250, most=400, hint="in kelvin")

    if persistence_nm is not None:
        low, high = _PERSISTENCE_NM
        checked_number("persistence_nm", persistence_nm, least=low, most=high)
    free = [True, persistence_nm is None, free_offset]
    shape = chain_extension_nm(
        force, 1.0, persistence_nm or 50.0, stretch_pn=stretch_pn, temperature_k=temperature_k
    )
    contour = float(np.ptp(extension) / np.ptp(shape)) if free_offset else float(np.mean(extension / shape))
    offset = float(np.mean(contour * shape - extension)) if free_offset else 0.0
    start = np.array([math.log(contour), math.log(persistence_nm or 50.0), offset])

    def residuals(p: NDArray[np.float64]) -> NDArray[np.float64]:
        tried = start.copy()
        tried[free] = p
        chain = chain_extension_nm(
            force, *np.exp(tried[:2]).tolist(), stretch_pn=stretch_pn, temperature_k=temperature_k
        )
        return np.asarray((chain - extension - tried[2]) / sigma)

    values, errors, squares = _fitted(residuals, start, free)
    chi2 = squares / max(1, force.size - sum(free))
    errors *= math.sqrt(max(chi2, 1.0) if sigma_nm is not None else chi2)
    contour, persistence = np.exp(values[:2]).tolist()
    persistence = persistence if persistence_nm is None else float(persistence_nm)
    return WormLikeChain(
        contour_nm=contour,
        contour_error_nm=contour * float(errors[0]),
        persistence_nm=persistence,
        persistence_error_nm=persistence * float(errors[1]),
        offset_nm=float(values[2]),
        offset_error_nm=float(errors[2]),
        chi2=chi2 if sigma_nm is not None else math.nan,
    )


def _fitted(
    residuals: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    start: NDArray[np.float64],
    free: list[bool],
) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Return all three numbers, their errors for residuals of variance 1, and the sum of the squares."""
    from scipy.optimize import least_squares  # here: whoever only needs an extension does without it

    low, high = np.log(_PERSISTENCE_NM)
    bounds = (np.array([-50.0, low, -np.inf])[free], np.array([50.0, high, np.inf])[free])
    scales = np.array([0.01, 0.1, 0.01 * math.exp(start[0])])[free]
    found = least_squares(residuals, start[free], bounds=bounds, x_scale=scales)
    values, errors = start.copy(), np.zeros(3)
    values[free] = found.x
    errors[free] = np.sqrt(_variances(np.asarray(found.jac)))
    return values, errors, float(found.fun @ found.fun)


def _variances(slopes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the variances of parameters from the slopes of residuals; infinite where they are not told."""
    try:
        variances = np.diag(np.linalg.inv(slopes.T @ slopes))
    except np.linalg.LinAlgError:
        return np.full(slopes.shape[1], np.inf)
    return np.where(variances > 0, variances, np.inf)


def _checked(
    force_pn: ArrayLike, extension_nm: ArrayLike, sigma_nm: ArrayLike | None, fewest: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    force, extension = np.asarray(force_pn, dtype=float), np.asarray(extension_nm, dtype=float)
    sigma = np.ones_like(extension) if sigma_nm is None else np.asarray(sigma_nm, dtype=float)
    if force.ndim != 1 or force.shape != extension.shape or force.shape != sigma.shape:
        shapes = f"{force.shape}, {extension.shape} and {sigma.shape}"
        raise BadInputError(f"forces, extensions and sigmas must be as many numbers in a row, not {shapes}")
    if force.size < fewest:
        raise BadInputError(
            f"a chain needs at least {fewest} points of force and extension, not {force.size}"
        )
    for name, values in (("force_pn", force), ("sigma_nm", sigma)):
        wrong = values[~(np.isfinite(values) & (values > 0))]
        if wrong.size:
            raise BadInputError(f"{name} must be positive numbers, not {wrong.tolist()}; leave those out")
    if not np.isfinite(extension).all():
        raise BadInputError("extension_nm holds what is no number; leave that out")
    if np.ptp(force) == 0:
        raise BadInputError(f"all points are at {force[0]:g} pN: a chain is told by how it yields to a force")
    return force, extension, sigma


def _reduced_force(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return force times persistence length over thermal energy, at an extension over contour length."""
    series = sum(a * x**power for power, a in enumerate(_SERIES, start=2))
    return np.asarray(0.25 / (1 - x) ** 2 - 0.25 + x + series)


def _slope(x: NDArray[np.float64]) -> NDArray[np.float64]:
    series = sum(power * a * x ** (power - 1) for power, a in enumerate(_SERIES, start=2))
    return np.asarray(0.5 / (1 - x) ** 3 + 1 + series)


@cache
def _solutions() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return logarithms of reduced forces, and the extensions that belong to them."""
    x = 1 - np.geomspace(1.0, 1e-5, 4000)[1:]
    return np.log(_reduced_force(x)), x
