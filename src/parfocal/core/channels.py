"""A light, and a channel of images: which light, through which filter, how strong, how long. Plain data."""

from __future__ import annotations

import msgspec


class ChannelPreset(msgspec.Struct, frozen=True, kw_only=True):
    """What a channel is set to when nobody asks for anything else.

    Attributes
    ----------
    light : str
        The light that it is seen by; "" for none: all of them are dark then.
    filter : str
        Which filter stands in the light path; "" leaves it as it is.
    power : float or None
        Of the light, 0 to 1; None for a channel without one, or whose light is on or off and no more.
    exposure_ms : float or None
        Of the camera; None for the exposure that was found.
    settle_s : float
        How long to wait once everything has arrived.
    refused : str
        Why it cannot be set, to be read after its name; "" if it can.
    """

    light: str = ""
    filter: str = ""
    power: float | None = None
    exposure_ms: float | None = None
    settle_s: float = 0.0
    refused: str = ""


class LightState(msgspec.Struct, frozen=True, kw_only=True):
    """What a light stands at, read back.

    Attributes
    ----------
    power : float
        0 to 1.
    shutter_open : bool or None
        Whether light passes its shutter; None without one.

    Examples
    --------
    >>> LightState(power=0.5).reaches_sample, LightState(power=0.5, shutter_open=False).reaches_sample
    (True, False)
    """

    power: float
    shutter_open: bool | None = None

    @property
    def reaches_sample(self) -> bool:
        """Whether it has power, and passes its shutter if there is one."""
        return self.power > 0 and self.shutter_open is not False


class ChannelState(msgspec.Struct, frozen=True, kw_only=True):
    """What the light path stands at, read back from each device.

    Attributes
    ----------
    name : str
        Of the preset that was set last; "" if none was.
    light, filter : str
        Of that preset; and the filter that stands in the light path, "" if there is no wheel.
    power : float or None
        Of its light; None without one, or if it is on or off and no more.
    exposure_ms : float or None
        Of the camera; None without one.
    lit : bool
        Whether its light reaches the sample: it has power, and its shutter is open.
    """

    name: str = ""
    light: str = ""
    filter: str = ""
    power: float | None = None
    exposure_ms: float | None = None
    lit: bool = False
