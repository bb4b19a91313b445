"""What the steps on cells ask of numbers that they are given."""

from __future__ import annotations

from parfocal.core.errors import BadInputError


def positive(value: float, name: str) -> float:
    """Return a number that is above 0; `BadInputError` names any other."""
    if not value > 0:
        raise BadInputError(f"{name} must be above 0, not {value}")
    return value
