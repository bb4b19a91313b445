"""A light modulator of a core: an SLM or a DMD that Micro-Manager has an adapter for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field

from parfocal.core.errors import BadInputError, DeviceError
from parfocal.core.modulation import pack_mask, unpack_mask
from parfocal.devices.micromanager.core_service import ANSWER_S, CoreDevice, CoreDeviceSettings

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from parfocal.devices.context import DeviceContext


class CoreModulatorSettings(CoreDeviceSettings):
    """Which light modulator.

    Parameters
    ----------
    slm : str
        Its label in the configuration; "" for the core's own.
    level : int
        The grey value of a pixel that lets light through.
    """

    slm: str = ""
    level: Annotated[int, Field(ge=1, le=255)] = 255


class CoreModulator(CoreDevice):
    """A light modulator (a `parfocal.core.protocols.LightModulator`).

    Micro-Manager's core has no way to ask an adapter in C++ what it shows: of those it is the last image that
    they took without an error, and until they were no longer busy; `reads_back` is false then.
    """

    Settings = CoreModulatorSettings
    what = "light modulator"

    def __init__(self, settings: CoreModulatorSettings, context: DeviceContext) -> None:
        super().__init__(settings, context)
        self._settings = settings
        self._label, self._shape = "", (0, 0)
        self._sent = np.zeros((0, 0), np.uint8)
        self._reads_back = False

    @property
    def reads_back(self) -> bool:
        """Whether its adapter tells what it shows: one that is written in Python may."""
        return self._reads_back

    @property
    def shape(self) -> tuple[int, int]:
        """Its pixels, (y, x)."""
        return self._shape

    def find(self) -> None:
        """Find it in the core, and blank it."""
        self._label = self.core.slm(self._settings.slm, timeout_s=ANSWER_S)
        height, width = self.core.slm_shape(self._label, timeout_s=ANSWER_S)
        self._shape = int(height), int(width)
        if not min(self._shape):
            raise DeviceError(f"the light modulator {self._label!r} has no pixels")
        self.show(np.zeros(self._shape, np.uint8))
        self._reads_back = self.core.shown_on_slm(self._label, timeout_s=ANSWER_S) is not None

    def make_safe(self) -> None:
        """Blank it. Any thread."""
        if not self._shape[0]:  # it was never open
            return
        self._sent = np.zeros(self._shape, np.uint8)
        self.ask_safe("show_on_slm", self._label, pack_mask(self._sent), self._settings.level)

    def state(self) -> dict[str, Any]:
        """Return its label in the configuration."""
        return {
            "device": "light modulator of Micro-Manager",
            "slm": self._label,
            "reads_back": self._reads_back,
        }

    def show(self, pattern: NDArray[np.uint8]) -> None:
        """Show a pattern; returns when its adapter has taken it."""
        core = self.core
        if pattern.shape != self._shape:
            raise BadInputError(f"a pattern has the shape {self._shape}, not {pattern.shape}")
        lit = (pattern > 0).astype(np.uint8)
        core.show_on_slm(self._label, pack_mask(lit), self._settings.level, timeout_s=ANSWER_S)
        self._sent = lit

    def shown(self) -> NDArray[np.uint8]:
        """Return what it shows, or what it took last if it does not tell."""
        told = self.core.shown_on_slm(self._label, timeout_s=ANSWER_S)  # is an error where the core is gone
        if not self._reads_back:
            return self._sent.copy()
        shown = unpack_mask(told, self._shape)
        return (np.asarray(shown) > 0).astype(np.uint8)
