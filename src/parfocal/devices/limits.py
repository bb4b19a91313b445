"""Values checked against what a device declares, before its driver sees them. Pure."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from parfocal.core.errors import BadInputError
from parfocal.core.protocols import HasLimits

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

POWERS = (0.0, 1.0)
"""The least and the greatest power of a light."""


def limits_reader(device: Any) -> Callable[[], Mapping[str, tuple[float, float]]]:
    """Return what tells the limits that a device declares; {} if it declares none.

    Whether it does is looked at here alone: that takes longer than the check of a value.
    """
    return device.limits if isinstance(device, HasLimits) else dict


def check_values(declared: Mapping[str, tuple[float, float]], values: Mapping[str, float]) -> None:
    """Refuse what is not finite, or beyond the limits that were declared.

    Raises
    ------
    BadInputError
        Naming the value, and the limits.

    Examples
    --------
    >>> declared = {"exposure_ms": (0.01, 10_000.0)}
    >>> check_values(declared, {"exposure_ms": 5.0, "gain": 2.0})
    >>> check_values(declared, {"exposure_ms": -5.0})
    Traceback (most recent call last):
    parfocal.core.errors.BadInputError: exposure_ms must lie from 0.01 to 10000, not -5.0
    """
    for name, value in values.items():
        if not math.isfinite(value):
            raise BadInputError(f"{name} must be a finite number, not {value}")
        if name in declared:
            low, high = declared[name]
            if not low <= value <= high:
                raise BadInputError(f"{name} must lie from {low:.10g} to {high:.10g}, not {value}")
