"""A shutter of a core as a light: it is on when the shutter is open."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from parfocal.core.errors import BadInputError, DeviceError
from parfocal.devices.limits import POWERS
from parfocal.devices.micromanager.core_service import ANSWER_S, CoreDevice, CoreDeviceSettings

if TYPE_CHECKING:
    from parfocal.devices.context import DeviceContext


class CoreShutterSettings(CoreDeviceSettings):
    """Which shutter.

    Parameters
    ----------
    shutter : str
        Its label in the configuration. "" for all: on, the core's own is open; off, all are closed.
    """

    shutter: str = ""


class CoreShutter(CoreDevice):
    """A light (a `parfocal.core.protocols.LightSource`) that is on, with a power of 1, or off.

    How strong it is belongs to the presets of its channels.
    """

    Settings = CoreShutterSettings
    what = "light"

    def __init__(self, settings: CoreShutterSettings, context: DeviceContext) -> None:
        super().__init__(settings, context)
        self._shutter = settings.shutter

    def find(self) -> None:
        """Find the shutter, and close it."""
        self.core.shutter(self._shutter, timeout_s=ANSWER_S)
        self.set_power(0.0)

    def make_safe(self) -> None:
        """Close the shutter. Any thread."""
        self.ask_safe("close_shutter", self._shutter)

    def state(self) -> dict[str, Any]:
        """Return which shutter it is."""
        return {"device": "shutter of Micro-Manager", "shutter": self._shutter or "all"}

    def power(self) -> float:
        """Return 1 while the shutter is open, as it is read back, else 0."""
        return float(self.core.shutter_is_open(self._shutter, timeout_s=ANSWER_S))

    def set_power(self, fraction: float) -> None:
        """Open the shutter for 1, close it for 0; returns when it has arrived."""
        core = self.core
        if fraction not in POWERS:
            raise BadInputError(f"the light is on or off: its power is 0 or 1, not {fraction}")
        change = core.open_shutter if fraction else core.close_shutter
        if change(self._shutter, timeout_s=ANSWER_S) is not bool(fraction):
            raise DeviceError(f"the shutter was told to {'open' if fraction else 'close'}, and did not")
