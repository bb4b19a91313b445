"""What whoever opens a movie may choose: which of its images, and what the file does not know."""

from __future__ import annotations

from math import isfinite
from typing import Any, Literal

import msgspec

from parfocal.core.errors import BadInputError


class MovieOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which images of a file, and what overrules it.

    Parameters
    ----------
    channel : int or str
        Which channel, from 0, or its name; "all" runs through them as if they were times.
    position : int or "all"
        Which position (series) of the stage, from 0.
    plane : int or "all"
        Which plane of a z stack, from 0.
    frame_rate_hz : float or None
        Images a second; overrules the file's own times.
    pixel_size_um : float or None
        Edge of a pixel in the sample; overrules the file's.
    counts_per_unit : float or None
        Makes counts (uint16) of signed and floating-point pixels: ``value * counts_per_unit +
        counts_at_zero``, rounded. Nothing is clipped: a value outside of 0 to 65535 is an error.
    counts_at_zero : float
        The counts of a pixel of value 0.

    Raises
    ------
    BadInputError
        If a value cannot be used; names it.
    """

    channel: int | str = 0
    position: int | Literal["all"] = 0
    plane: int | Literal["all"] = "all"
    frame_rate_hz: float | None = None
    pixel_size_um: float | None = None
    counts_per_unit: float | None = None
    counts_at_zero: float = 0.0

    def __post_init__(self) -> None:
        for name in ("channel", "position", "plane"):
            value = getattr(self, name)
            if isinstance(value, int) and value < 0:
                raise BadInputError(f"{name} counts from 0, not {value}")
        for name in ("frame_rate_hz", "pixel_size_um", "counts_per_unit"):
            value = getattr(self, name)
            if value is not None and not (isfinite(value) and value > 0):
                raise BadInputError(f"{name} must be positive and finite, not {value}")
        if not isfinite(self.counts_at_zero):
            raise BadInputError(f"counts_at_zero must be finite, not {self.counts_at_zero}")

    def movie_options(self) -> dict[str, Any]:
        """Return these options as plain values: of a struct that has more fields, these alone.

        Examples
        --------
        >>> MovieOptions(channel="DAPI").movie_options()["channel"]
        'DAPI'
        """
        return {name: getattr(self, name) for name in MovieOptions.__struct_fields__}
