"""The commands of a camera host that set and tell how the camera exposes."""

from __future__ import annotations

from parfocal.core.errors import BadInputError
from parfocal.core.protocols import Camera, HasFrameRate
from parfocal.devices.camera_memory import CameraMemory
from parfocal.devices.device_host import DeviceHost
from parfocal.ipc import command
from parfocal.processes import LOOP


class ExposureCommands(DeviceHost):
    """Part of `CameraHost`."""

    device: Camera
    memory: CameraMemory

    @command(lane=LOOP, effect="changes")
    def set_exposure_ms(self, exposure_ms: float) -> float:
        """Set the exposure; returns what the camera made of it."""
        self.check_limits(exposure_ms=exposure_ms)
        made_ms = self.device.set_exposure_ms(exposure_ms)
        self.memory.note("set_exposure_ms", {"exposure_ms": exposure_ms})
        return made_ms

    @command(lane=LOOP, effect="reads")
    def exposure_ms(self) -> float:
        """Return the exposure."""
        return self.device.exposure_ms()

    @command(lane=LOOP, effect="changes")
    def set_frame_rate_hz(self, frame_rate_hz: float) -> float:
        """Set the frame rate; returns what the camera made of it."""
        self.check_limits(frame_rate_hz=frame_rate_hz)
        made_hz = self._with_rate().set_frame_rate_hz(frame_rate_hz)
        self.memory.note("set_frame_rate_hz", {"frame_rate_hz": frame_rate_hz})
        return made_hz

    @command(lane=LOOP, effect="reads")
    def frame_rate_hz(self) -> float:
        """Return the frame rate."""
        return self._with_rate().frame_rate_hz()

    def times_s(self) -> dict[str, float]:
        """Return what the camera declares, and as "frame" what lies between two frames of a sequence."""
        declared = super().times_s()
        return {"frame": self._frame_s(declared.get("readout", 0.0)), **declared}

    def _frame_s(self, readout_s: float) -> float:
        if isinstance(self.device, HasFrameRate):
            rate_hz = self.device.frame_rate_hz()
            return 1.0 / rate_hz if rate_hz > 0 else 0.0
        return self.device.exposure_ms() * 1e-3 + readout_s

    def _with_rate(self) -> HasFrameRate:
        if not isinstance(self.device, HasFrameRate):
            raise BadInputError(f"camera {self.settings.device!r} has no frame rate that can be set")
        return self.device
