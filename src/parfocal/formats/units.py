"""Units as files spell them: lengths in micrometres, times in seconds."""

from __future__ import annotations

from math import isfinite
from typing import Any

_LENGTHS = {
    1e6: ("m", "meter", "metre"),
    1e4: ("cm", "centimeter", "centimetre"),
    1e3: ("mm", "millimeter", "millimetre"),
    1.0: ("µm", "um", "micron", "micrometer", "micrometre"),
    1e-3: ("nm", "nanometer", "nanometre"),
    1e-4: ("å", "angstrom"),
}
_TIMES = {
    3600.0: ("h", "hr", "hour"),
    60.0: ("min", "minute"),
    1.0: ("s", "sec", "second"),
    1e-3: ("ms", "msec", "millisecond"),
    1e-6: ("µs", "us", "usec", "microsecond"),
    1e-9: ("ns", "nsec", "nanosecond"),
}
_UM = {name: factor for factor, names in _LENGTHS.items() for name in names}
_SECONDS = {name: factor for factor, names in _TIMES.items() for name in names}


def micrometres(value: Any, unit: Any) -> float | None:
    r"""Return a length in micrometres; None if the unit is no length, or the value no positive number.

    Examples
    --------
    >>> (
    ...     micrometres("65", "nm"),
    ...     micrometres(0.1, "\u03bcm"),
    ...     micrometres(0.1, r"\u00B5m"),
    ...     micrometres(2, "px"),
    ... )
    (0.065, 0.1, 0.1, None)
    """
    return _positive(value, _UM.get(_plain(unit)))


def seconds(value: Any, unit: Any) -> float | None:
    """Return a time in seconds; None if the unit is no time, or the value no positive number.

    Examples
    --------
    >>> seconds(20, "ms"), seconds(2, "min"), seconds(0, "s"), seconds(5, "frame")
    (0.02, 120.0, None, None)
    """
    return _positive(value, _SECONDS.get(_plain(unit)))


def whole_number(value: Any) -> int:
    """Return a count such as the bits of a pixel; 0 for what is none.

    Examples
    --------
    >>> whole_number("12"), whole_number(16), whole_number("many"), whole_number(None)
    (12, 16, 0, 0)
    """
    try:
        return max(0, int(value))
    except (TypeError, ValueError):
        return 0


def _plain(unit: Any) -> str:
    """Return a unit in one spelling: there are two letters mu, and ImageJ writes one of them as an escape."""
    name = str(unit).strip().replace(r"\u00B5", "µ").replace("\N{GREEK SMALL LETTER MU}", "µ").lower()
    return name[:-1] if len(name) > 3 and name.endswith("s") else name


def _positive(value: Any, factor: float | None) -> float | None:
    try:
        number = float(value) * float(factor)  # type: ignore[arg-type]  # None is refused here too
    except (TypeError, ValueError):
        return None
    return number if isfinite(number) and number > 0 else None
