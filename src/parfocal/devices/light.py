"""The host of a lamp, laser or LED line: off unless somebody wants it on, and off on every way out."""

from __future__ import annotations

from contextlib import ExitStack, nullcontext, suppress
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from parfocal.core.channels import LightState
from parfocal.core.errors import BadInputError, DeviceError, StreamTimeoutError
from parfocal.core.frames import RowSpec
from parfocal.core.protocols import HasShutter, LightSource
from parfocal.devices.device_host import DeviceConfig, DeviceHost
from parfocal.ipc import RECEIVER, URGENT, command
from parfocal.streams import StreamWriter

_COLUMNS = [("time_ns", "<i8"), ("power", "<f8")]
_SHUTTER_COLUMN = ("shutter_open", "u1")
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
    """Runs a light; the stream of the host's name holds ``time_ns`` and ``power``.

    Of a light with a shutter it holds ``shutter_open`` as well: light reaches the sample only with both.
    """

    Config = LightConfig
    protocol = LightSource
    settings: LightConfig
    device: LightSource

    def surround(self, stack: ExitStack) -> None:
        """Make the stream of powers."""
        self._shutter = self.device if isinstance(self.device, HasShutter) else None
        self._dtype = np.dtype([*_COLUMNS, *([_SHUTTER_COLUMN] if self._shutter else [])])
        self._writer = StreamWriter(
            self.context.streams, self.context.service, RowSpec.of(self._dtype), slots=_ROWS
        )
        stack.callback(self._writer.close)

    def step(self) -> float | None:
        """Tell the power, unless the rig ends: what the light hangs on may have ended before it."""
        if self.context.stop_reason():
            return None
        self._write_row()
        return self.settings.telemetry_s

    @command(effect="changes")
    def set_power(self, fraction: float) -> float:
        """Set the power, 0 to 1; returns the power read back. One that could not be set is off."""
        self.check_limits(fraction=fraction)
        return self._change(fraction, None).power

    @command(effect="changes")
    def set_light(self, power: float | None = None, shutter_open: bool | None = None) -> LightState:
        """Set power and shutter in one go, None leaves either; returns what is read back.

        A shutter is closed before the power is set, and opened after that. What could not be lit is off.
        """
        if power is not None:
            self.check_limits(fraction=power)
        if shutter_open is not None:
            self._with_shutter()
        return self._change(power, shutter_open)

    @command(lane="read", effect="reads")
    def light(self) -> LightState:
        """Return power and shutter, read back."""
        with self.lock:
            return self._read()

    @command(lane="read", effect="reads")
    def power(self) -> float:
        """Return the power read back, 0 to 1."""
        with self.lock:
            return self.device.power()

    @command(lane=RECEIVER, effect="reads")
    def has_shutter(self) -> bool:
        """Whether there is a shutter before it."""
        return self._shutter is not None

    @command(lane="read", effect="reads")
    def shutter_is_open(self) -> bool:
        """Whether light passes its shutter, read back."""
        with self.lock:
            return self._with_shutter().shutter_is_open()

    @command(effect="changes")
    def open_shutter(self) -> bool:
        """Let its light pass; returns what is read back when the shutter has arrived."""
        self._with_shutter()
        return bool(self._change(None, True).shutter_open)

    @command(effect="stops")
    def close_shutter(self) -> bool:
        """Hold its light back, whatever its power; returns what is read back."""
        self._with_shutter()
        return bool(self._change(None, False).shutter_open)

    @command(lane=URGENT, effect="stops")
    def off(self) -> None:
        """Switch off: at once, and again after a change that is under way, which fails if it lights."""
        self.make_safe()
        with self.lock:
            self.device.make_safe()
            self._write_row()

    def state(self) -> dict[str, Any]:
        """Return the device's state and its power."""
        with self.lock:
            now = self._read()
            state = {**self.device.state(), "power": now.power}
            if now.shutter_open is not None:
                state["shutter_open"] = now.shutter_open
            return state

    def _change(self, power: float | None, shutter_open: bool | None) -> LightState:
        """Change what is not None, and return what is read back; a light that could not be lit is off.

        Raises
        ------
        BadInputError
            If the device does not take a value: what it had stays.
        DeviceError
            If it fails.
        MadeSafeError
            If it was switched off while it was being lit.
        """
        since = self.times_made_safe
        with self.lock:
            if self.context.stopping.is_set():
                power, shutter_open = 0.0, None if self._shutter is None else False
            lit = bool(power or shutter_open)
            told = f"light {self.context.service!r} was switched off meanwhile"
            try:
                with self.unless_made_safe(since, told) if lit else nullcontext():
                    self._set(power, shutter_open)
                    return self._write_row()
            except BadInputError:
                raise
            except BaseException:
                if lit:
                    self.device.make_safe()
                with suppress(DeviceError):  # it may be why it failed
                    self._write_row()
                raise

    def _set(self, power: float | None, shutter_open: bool | None) -> None:
        shutter = self._shutter
        if shutter is not None and shutter_open is False:
            shutter.set_shutter(False)
        if power is not None:
            self.device.set_power(power)
        if shutter is not None and shutter_open:
            shutter.set_shutter(True)

    def _with_shutter(self) -> HasShutter:
        if self._shutter is None:
            raise BadInputError(f"light {self.context.service!r} has no shutter")
        return self._shutter

    def _read(self) -> LightState:
        shutter_open = None if self._shutter is None else self._shutter.shutter_is_open()
        return LightState(power=self.device.power(), shutter_open=shutter_open)

    def _write_row(self) -> LightState:
        """Write a row of what it stands at now; return that."""
        with self.lock:
            state = self._read()
            values = (self.context.clock.monotonic_ns(), state.power, state.shutter_open)
            row = np.array([values if self._shutter else values[:2]], self._dtype)
            with suppress(StreamTimeoutError):  # the next row tells more
                self._writer.write_rows(row, timeout_s=0.0)
        return state
