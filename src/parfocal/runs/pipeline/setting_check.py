"""Whether the value of a step's setting is of the kind that its parameter is annotated with. Pure."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

from parfocal.core.errors import BadInputError

if TYPE_CHECKING:
    from inspect import Parameter

_KINDS: dict[str, tuple[str, type]] = {
    "float": ("a number", Real),
    "int": ("a whole number", Integral),
    "bool": ("true or false", bool),
    "str": ("text", str),
}


def check_setting(where: str, parameter: Parameter, value: Any) -> None:
    """Refuse a value that a step's parameter can't take: NaN, and what its annotation rules out.

    That is told for numbers, true or false, and text; what is annotated otherwise is for the step to judge.

    Examples
    --------
    >>> from inspect import signature
    >>> def otsu(image, *, min_area_px: int = 20): ...
    >>> check_setting("segment", signature(otsu).parameters["min_area_px"], "big")
    Traceback (most recent call last):
    parfocal.core.errors.BadInputError: segment: setting 'min_area_px' must be a whole number, not 'big'
    """
    wanted = _wanted(parameter.annotation)
    if isinstance(value, Real) and math.isnan(value):
        wanted = wanted or ["float"]
    elif not wanted or any(_fits(value, kind) for kind in wanted):
        return
    told = " or ".join(_KINDS[kind][0] for kind in wanted if kind != "None")
    raise BadInputError(f"{where}: setting {parameter.name!r} must be {told}, not {value!r}")


def _wanted(annotation: Any) -> list[str]:
    """Return the kinds of an annotation, as text or as a type; none if there are others among them."""
    text = annotation.__name__ if isinstance(annotation, type) else str(annotation)
    kinds = [kind.strip() for kind in text.split("|")]
    return kinds if all(kind in _KINDS or kind == "None" for kind in kinds) and kinds != ["None"] else []


def _fits(value: Any, kind: str) -> bool:
    if kind == "None" or value is None:
        return kind == "None" and value is None
    return isinstance(value, _KINDS[kind][1]) and (kind == "bool" or not isinstance(value, bool))
