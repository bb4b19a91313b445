"""Arguments that must be numbers within what physics allows: refused with their name and value."""

from __future__ import annotations

import math

from parfocal.core.errors import BadInputError


def checked_number(
    name: str, value: float, *, above: float = -math.inf, least: float = -math.inf, most: float = math.inf,
    hint: str = "",
) -> float:  # fmt: skip
    """Return `value` as a float; raise `BadInputError` unless it is finite, and between these limits.

    Examples
    --------
    >>> checked_number("rate_hz", 100, above=0)
    100.0
    >>> checked_number("exposure_s", 10, least=0, most=0.01, hint="in seconds")
    Traceback (most recent call last):
    ...
    parfocal.core.errors.BadInputError: exposure_s must be from 0 to 0.01, not 10 (in seconds)
    """
    try:
        number = float(value)
    except (TypeError, ValueError) as error:
        raise BadInputError(f"{name} must be a number, not {value!r}") from error
    if math.isfinite(number) and number > above and least <= number <= most:
        return number
    wanted = [f"above {above:g}"] if above > -math.inf else []
    if least > -math.inf and most < math.inf:
        wanted.append(f"from {least:g} to {most:g}")
    elif least > -math.inf:
        wanted.append(f"{least:g} or more")
    elif most < math.inf:
        wanted.append(f"at most {most:g}")
    text = " and ".join(wanted) or "a finite number"
    raise BadInputError(f"{name} must be {text}, not {value!r}" + (f" ({hint})" if hint else ""))
