"""Counts of pixels that are none: signed and floating-point images become uint16 by an explicit scale."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from parfocal.core.errors import MovieError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from parfocal.formats.options import MovieOptions

_MOST = 65535


@dataclass(frozen=True)
class Counts:
    """``value * per_unit + at_zero``, rounded to whole counts; nothing is clipped."""

    per_unit: float
    at_zero: float
    dtype: np.dtype[Any]

    @classmethod
    def of(cls, dtype: np.dtype[Any], options: MovieOptions) -> Counts | None:
        """Return what `options` ask for; None if they ask for no scale."""
        if options.counts_per_unit is None:
            return None
        return cls(options.counts_per_unit, options.counts_at_zero, dtype)

    @property
    def words(self) -> str:
        """What is done, in words."""
        return (
            f"counts are {self.per_unit:g} times the file's {self.dtype.name} values, plus {self.at_zero:g}"
        )

    def fill(self, values: NDArray[Any], out: NDArray[np.uint16]) -> None:
        """Fill `out` with the counts of `values`.

        Raises
        ------
        MovieError
            If one is no number, or lies outside of 0 to 65535.

        Examples
        --------
        >>> out = np.empty((1, 2), np.uint16)
        >>> Counts(1000.0, 5.0, np.dtype("f4")).fill(np.array([[0.0, 1.5]]), out)
        >>> out.tolist()
        [[5, 1505]]
        >>> Counts(1.0, 0.0, np.dtype("i2")).fill(np.array([[-3, 7]]), out)
        Traceback (most recent call last):
        parfocal.core.errors.MovieError: its counts would reach from -3 to 7, allowed are 0 to 65535: choose \
another scale and zero
        """
        scaled = np.rint(values * np.float64(self.per_unit) + self.at_zero)
        low, high = float(scaled.min()), float(scaled.max())
        if not (low >= 0 and high <= _MOST):  # NaN is neither
            raise MovieError(
                f"its counts would reach from {low:g} to {high:g}, allowed are 0 to {_MOST}: "
                "choose another scale and zero"
            )
        np.copyto(out, scaled, casting="unsafe")


def are_counts(dtype: np.dtype[Any]) -> bool:
    """Whether pixels of this type are counts of a camera as they are.

    Examples
    --------
    >>> [are_counts(np.dtype(name)) for name in ("uint8", "uint16", "int16", "float32")]
    [True, True, False, False]
    """
    return dtype.kind == "u"
