"""The tether as a worm-like chain, from force and extension, fitted by `lumicks.pylake`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from parfocal.core.errors import BadInputError, ConfigError
from parfocal.tracking.checks import checked_number

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


@dataclass(frozen=True, slots=True)
class WormLikeChain:
    """An extensible worm-like chain, as fitted; errors are standard deviations.

    Attributes
    ----------
    contour_nm, contour_error_nm : float
        Length of the relaxed chain.
    persistence_nm, persistence_error_nm : float
        Over which it forgets its direction: about 50 for double-stranded DNA.
    """

    contour_nm: float
    contour_error_nm: float
    persistence_nm: float
    persistence_error_nm: float


def fit_worm_like_chain(
    force_pn: ArrayLike,
    extension_nm: ArrayLike,
    *,
    stretch_pn: float = 1000.0,
    temperature_k: float = 298.0,
) -> WormLikeChain:
    """Fit extension as a function of force by Odijk's formula (1995, doi:10.1021/ma00130a046).

    Parameters
    ----------
    force_pn, extension_nm : array_like, (n,)
        At least 4 points, at forces where the chain is mostly straight (above some 0.1 pN for DNA).
    stretch_pn : float
        Stretch modulus, held fixed: below some 20 pN the data hardly tell it.
    temperature_k : float
        Of the fluid.

    Raises
    ------
    ConfigError
        If the extra ``parfocal[pylake]`` is not installed.
    BadInputError
        If the points are too few, or not positive numbers.
    """
    force, extension = np.asarray(force_pn, dtype=float), np.asarray(extension_nm, dtype=float)
    if force.ndim != 1 or force.shape != extension.shape or force.size < 4:
        raise BadInputError(
            f"a chain needs at least 4 forces and as many extensions, not {force.shape} and {extension.shape}"
        )
    for name, values in (("force_pn", force), ("extension_nm", extension)):
        wrong = values[~(np.isfinite(values) & (values > 0))]
        if wrong.size:
            raise BadInputError(f"{name} must be positive numbers, not {wrong.tolist()}; leave those out")
    checked_number("stretch_pn", stretch_pn, above=0)
    checked_number("temperature_k", temperature_k, least=250, most=400, hint="in kelvin")
    try:
        from lumicks import pylake
    except ImportError as error:
        raise ConfigError("worm-like chains need lumicks.pylake: install parfocal[pylake]") from error
    fit = pylake.FdFit(pylake.ewlc_odijk_distance("tether"))
    fit.add_data("trace", force, extension * 1e-3)
    fit["kT"].value = 0.01380649 * temperature_k
    fit["tether/St"].value, fit["tether/St"].fixed = stretch_pn, True
    fit["tether/Lp"].value, fit["tether/Lc"].value = 50.0, 1.05e-3 * float(extension.max())
    fit.fit()
    contour, persistence = fit["tether/Lc"], fit["tether/Lp"]
    return WormLikeChain(
        1e3 * float(contour.value),
        1e3 * float(contour.stderr),
        float(persistence.value),
        float(persistence.stderr),
    )
