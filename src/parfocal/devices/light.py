"""The host of a lamp, laser or LED line: off unless somebody wants it on, and off on every way out."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from parfocal.core.errors import StreamTimeoutError
from parfocal.core.frames import RowSpec
from parfocal.core.protocols import LightSource
from parfocal.devices.device_host import DeviceConfig, DeviceHost
from parfocal.ipc import URGENT, command
from parfocal.streams import StreamWriter

_DTYPE = np.dtype([("time_ns", "<i8"), ("power", "<f8")])
_ROWS = 1 << 14


class LightConfig(DeviceConfig):
    """Settings of a light host.

    Parameters
    ----------
    telemetry_s : float
        How often the power is told as a row while nobody changes it.
    """

    telemetry_s: Annotated[float, Field(gt=0)] = 1.0


class LightHost(DeviceHost):
    """Runs a light; the stream of the host's name holds ``time_ns`` and ``power``."""

    Config = LightConfig
    protocol = LightSource
    settings: LightConfig
    device: LightSource

    def surround(self, stack: ExitStack) -> None:
        """Make the stream of powers."""
        self._writer = StreamWriter(
            self.context.streams, self.context.service, RowSpec.of(_DTYPE), slots=_ROWS
        )
        stack.callback(self._writer.close)

    def step(self) -> float | None:
        """Tell the power."""
        self._write_row()
        return self.settings.telemetry_s

    @command(effect="changes")
    def set_power(self, fraction: float) -> float:
        """Set the power, 0 to 1; returns the power read back."""
        self.check_limits(fraction=fraction)
        with self.lock:
            if self.context.stopping.is_set():
                fraction = 0.0
            self.device.set_power(fraction)
            return self._write_row()

    @command(lane="read", effect="reads")
    def power(self) -> float:
        """Return the power read back, 0 to 1."""
        with self.lock:
            return self.device.power()

    @command(lane=URGENT, effect="stops")
    def off(self) -> None:
        """Switch off: at once, and again after a change that is under way."""
        self.device.make_safe()
        with self.lock:
            self.device.make_safe()
            self._write_row()

    def make_safe(self) -> None:
        """Switch off, whatever else is going on."""
        device = getattr(self, "device", None)
        if device is not None:
            device.make_safe()

    def state(self) -> dict[str, Any]:
        """Return the device's state and its power."""
        with self.lock:
            return {**self.device.state(), "power": self.device.power()}

    def _write_row(self) -> float:
        """Write a row of the power now; return it."""
        with self.lock:
            power = self.device.power()
            row = np.array([(self.context.clock.monotonic_ns(), power)], _DTYPE)
            with suppress(StreamTimeoutError):  # the next row tells more
                self._writer.write_rows(row, timeout_s=0.0)
        return power
