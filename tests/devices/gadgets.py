"""Devices of a user: small, with commands of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from parfocal.core.errors import DeviceError
from parfocal.core.frames import FrameHeader, FrameSpec
from parfocal.devices.device_commands import set_again
from parfocal.devices.simulated.motors import SimulatedStage
from parfocal.ipc import command


class CameraSettings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    width_px: int = 16


class HomeMadeCamera:
    """A camera with a gain: forty lines, as a user would write them."""

    Settings = CameraSettings

    def __init__(self, settings: CameraSettings, context: Any) -> None:
        self._settings, self._clock = settings, context.clock
        self._left: int | None = 0
        self._frame = 0
        self._open = False
        self._exposure_ms = 1.0
        self.gain = 1.0

    @property
    def spec(self) -> FrameSpec:
        return FrameSpec(shape=(8, self._settings.width_px), dtype="uint8")

    def open(self) -> None:
        self._open = True

    def close(self) -> None:
        self.stop()
        self._open = False

    def make_safe(self) -> None:
        self.stop()

    def state(self) -> dict[str, Any]:
        return {"gain": self.gain, "exposure_ms": self._exposure_ms}

    def versions(self) -> dict[str, str]:
        return {"firmware": "7.1"}

    def save_record(self, folder: Path, *, at_end: bool) -> None:
        (folder / "gain.csv").write_text("gain,counts\n1,10\n")

    def limits(self) -> dict[str, tuple[float, float]]:
        return {"exposure_ms": (0.1, 50.0), "gain": (1.0, 8.0)}

    def start(self, count: int | None = None) -> None:
        if not self._open or self.is_running():
            raise DeviceError("it is running; stop it first" if self._open else "it is closed; open it first")
        self._left = count

    def stop(self) -> None:
        self._left = 0

    def is_running(self) -> bool:
        return self._left != 0

    def read_into(self, out: np.ndarray, timeout_s: float) -> FrameHeader | None:
        if not self.is_running():
            return None
        out[:] = round(10 * self.gain)
        self._left = None if self._left is None else self._left - 1
        self._frame += 1
        now_ns, utc_ns = self._clock.monotonic_ns(), self._clock.utc_ns()
        return FrameHeader(frame=self._frame - 1, time_ns=now_ns, utc_ns=utc_ns)

    def exposure_ms(self) -> float:
        return self._exposure_ms

    def set_exposure_ms(self, exposure_ms: float) -> float:
        assert 0.1 <= exposure_ms <= 50.0, "the driver must never see this"
        self._exposure_ms = exposure_ms
        return exposure_ms

    @set_again
    @command()
    def set_gain(self, gain: float) -> float:
        """Set the gain, 1 to 8; returns the gain."""
        assert 1.0 <= gain <= 8.0, "the driver must never see this"
        self.gain = gain
        return gain

    def settings_changed(self, old: CameraSettings, new: CameraSettings) -> None:
        if new.width_px != old.width_px:
            raise ValueError("the sensor is as wide as it is")


class ForgetfulCamera(HomeMadeCamera):
    """Begins to count anew with each sequence."""

    def start(self, count: int | None = None) -> None:
        super().start(count)
        self._frame = 0


class EventCamera(HomeMadeCamera):
    """Shows in its first pixels which event a frame is for: number, t, hundredths of seconds of run time."""

    _told: tuple[int, ...] = ()

    def next_event(self, event: int, run_time_s: float | None, index: dict[str, int]) -> None:
        self._told = (event, index["t"], round(100 * (run_time_s or 0.0)))

    def read_into(self, out: np.ndarray, timeout_s: float) -> FrameHeader | None:
        header = super().read_into(out, timeout_s)
        if header is not None:
            out[0, : len(self._told)] = self._told
            self._told = ()
        return header


class QuickStage(SimulatedStage):
    """A stage that cannot be told to get stuck, which takes a minute to find out."""

    inject_fault = None


class Paperweight:
    """Neither camera nor stage nor light."""

    def __init__(self, settings: Any, context: Any) -> None:
        pass
