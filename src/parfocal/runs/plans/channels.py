"""How the frames of a sequence are lit: channels, for images, references and stimuli."""

from __future__ import annotations

from typing import Any

import msgspec

from parfocal.core.errors import BadInputError
from parfocal.runs.plans.fields import listed, made, number


class PlanChannel(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One way to light and expose, as a sequence asks for it.

    Attributes
    ----------
    config : str
        Name of the channel's preset; "" only where a sequence names no channel.
    exposure : float or None
        Milliseconds; None leaves what the preset or the camera has.
    power : float or None
        Of its light; None leaves what the preset has.
    z_offset : float
        um above the plane of the position.
    do_stack : bool
        False takes only the middle plane of a stack.
    acquire_every : int
        Only every n-th time point, from the first.
    """

    config: str
    exposure: float | None = None
    power: float | None = None
    z_offset: float = 0.0
    do_stack: bool = True
    acquire_every: int = 1

    def __post_init__(self) -> None:
        if self.exposure is not None:
            number(self.exposure, "exposure", above=0)
        if self.power is not None:
            number(self.power, "power", least=0)
        if self.acquire_every < 1:
            raise BadInputError(f"acquire_every must be 1 or more, not {self.acquire_every}")


AS_IT_IS = PlanChannel(config="")
"""The channel of a sequence that names none: camera and light stay as they are."""


def channels(value: Any, where: str) -> tuple[PlanChannel, ...]:
    """Return the channels that a list describes: names, or mappings of the fields of `PlanChannel`.

    Raises
    ------
    BadInputError
        Naming the channel, the field and its value; also if two have the same name.

    Examples
    --------
    >>> [channel.config for channel in channels(["nucleus", {"config": "erk", "exposure": 20}], "channels")]
    ['nucleus', 'erk']
    """
    found: list[PlanChannel] = []
    for place, item in enumerate(listed(value, where)):
        fields = {"config": item} if isinstance(item, str) else item
        channel = made(PlanChannel, fields, f"{where}[{place}]")
        if not channel.config:
            raise BadInputError(f"{where}[{place}].config must name a preset, not {channel.config!r}")
        if channel.config in [other.config for other in found]:
            raise BadInputError(f"{where} names {channel.config!r} twice; give each channel once")
        found.append(channel)
    return tuple(found)
