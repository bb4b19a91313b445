"""What the steps on cells ask of numbers that they are given."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from parfocal.core.errors import BadInputError

if TYPE_CHECKING:
    from numpy.typing import NDArray


def positive(value: float, name: str) -> float:
    """Return a finite number that is above 0; `BadInputError` names any other."""
    if not 0 < value < math.inf:
        raise BadInputError(f"{name} must be above 0, not {value}")
    return value


def at_least(least: float, value: float, name: str) -> float:
    """Return a finite number that is not below `least`; `BadInputError` names any other."""
    if not least <= value < math.inf:
        raise BadInputError(f"{name} must be {least:g} or more, not {value}")
    return value


def finite(value: float, name: str) -> float:
    """Return a number that is finite; `BadInputError` names any other."""
    if not math.isfinite(value):
        raise BadInputError(f"{name} must be a finite number, not {value}")
    return value


def one_image(image: NDArray[Any]) -> None:
    """Raise `BadInputError` unless an image has the axes (y, x)."""
    if image.ndim != 2:
        raise BadInputError(f"an image to be segmented has the axes (y, x), not the shape {image.shape}")


def even(image: NDArray[Any]) -> bool:
    """Whether all pixels are equal: there is nothing to be found then, and no brightness to scale by."""
    return bool(image.min() == image.max())
