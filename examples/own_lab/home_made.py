"""Instruments of your own: a camera with a gain command, and a temperature sensor that tells rows.

``lab.toml`` beside this file makes a laboratory of them: ``parfocal up lab.toml``.
"""

import numpy as np
from pydantic import BaseModel

from parfocal.core.errors import DeviceError
from parfocal.core.frames import FrameHeader, FrameSpec, RowSpec
from parfocal.devices.device_commands import set_again
from parfocal.ipc import command
from parfocal.processes import Service
from parfocal.streams import StreamWriter


class CameraSettings(BaseModel):
    """What the rig file may say under ``settings.options``."""

    width_px: int = 320
    height_px: int = 240


class HomeMadeCamera:
    """A camera: replace what is marked by calls of your driver."""

    Settings = CameraSettings

    def __init__(self, settings, context):
        self._clock = context.clock  # the only time to go by
        self.spec = FrameSpec(shape=(settings.height_px, settings.width_px), dtype="uint16")
        self._open, self._left, self._frame = False, 0, 0
        self._exposure_ms, self._gain = 10.0, 1.0

    def open(self):
        self._open = True  # driver: connect; raise DeviceError if it is not there

    def close(self):
        self.stop()
        self._open = False  # driver: disconnect

    def make_safe(self):
        self.stop()

    def state(self):
        return {"exposure_ms": self._exposure_ms, "gain": self._gain}

    def limits(self):  # checked before your driver sees a value
        return {"exposure_ms": (0.1, 1000.0), "gain": (1.0, 16.0)}

    def start(self, count=None):
        if not self._open:
            raise DeviceError("the camera is closed; open it first")
        if self.is_running():
            raise DeviceError("the camera is running; stop it before another sequence")
        self._left = count
        self._ready_ns = self._clock.monotonic_ns() + round(self._exposure_ms * 1e6)

    def stop(self):
        self._left = 0

    def is_running(self):
        return self._left != 0

    def read_into(self, out, timeout_s):
        if not self.is_running():
            return None
        left_s = (self._ready_ns - self._clock.monotonic_ns()) * 1e-9
        self._clock.sleep(min(left_s, timeout_s))  # driver: wait for the next frame, at most timeout_s
        if left_s > timeout_s:
            return None
        out[:] = round(100 * self._gain)  # driver: copy its pixels
        now_ns, utc_ns = self._clock.monotonic_ns(), self._clock.utc_ns()
        self._ready_ns = now_ns + round(self._exposure_ms * 1e6)
        self._left = None if self._left is None else self._left - 1
        self._frame += 1
        return FrameHeader(frame=self._frame - 1, time_ns=now_ns, utc_ns=utc_ns)

    def exposure_ms(self):
        return self._exposure_ms

    def set_exposure_ms(self, exposure_ms):
        self._exposure_ms = exposure_ms
        return exposure_ms

    @set_again
    @command(effect="changes")
    def set_gain(self, gain: float) -> float:
        """Set the gain, 1 to 16; returns the gain."""
        self._gain = gain
        return gain


class SensorSettings(BaseModel):
    """What the rig file may say under ``settings``."""

    every_s: float = 0.5


class TemperatureSensor(Service):
    """A sensor: a service of its own, which writes a row to the stream of its name now and then."""

    Config = SensorSettings
    ROW = np.dtype([("time_ns", "<i8"), ("temperature_c", "<f8")])

    def open(self, context):
        self.context = context
        self._writer = StreamWriter(context.streams, context.service, RowSpec.of(self.ROW), slots=4096)

    def step(self):
        """Write a row; return the seconds until the next one is wanted."""
        now_ns = self.context.clock.monotonic_ns()
        self._writer.write_rows(np.array([(now_ns, self.temperature_c())], self.ROW))
        return self.settings.every_s

    @command(effect="reads")
    def temperature_c(self) -> float:
        """Return the temperature now, degrees Celsius."""
        return 36.6  # driver: ask the sensor

    def close(self):
        self._writer.close()
