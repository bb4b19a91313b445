"""What simulated cameras have in common: when they expose, and which part of their sensor they read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from parfocal.core.errors import BadInputError
from parfocal.devices.device_commands import reshapes
from parfocal.devices.exposures import EXPOSURE_MS
from parfocal.devices.simulated.readout import Readout
from parfocal.ipc import command

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from parfocal.devices.exposures import ExposureSchedule


class SensorSettings(Protocol):
    """The settings of a simulated camera, as far as all have them."""

    @property
    def width_px(self) -> int:
        """Pixels along x."""
        ...

    @property
    def height_px(self) -> int:
        """Pixels along y."""
        ...

    @property
    def dtype(self) -> str:
        """Of a frame."""
        ...

    @property
    def binning(self) -> int:
        """At the beginning."""
        ...

    @property
    def region(self) -> tuple[int, int, int, int] | None:
        """At the beginning; None for the whole sensor."""
        ...


class ExposingCamera:
    """The half of a simulated camera that does not know what it shows.

    Parameters
    ----------
    sensor : SensorSettings
        Its sensor.
    exposures : ExposureSchedule
        When it exposes.
    """

    def __init__(self, sensor: SensorSettings, exposures: ExposureSchedule) -> None:
        self._sensor_settings = sensor
        self._exposures = exposures
        self._readout = self._new_readout(sensor.region, sensor.binning)

    def make_safe(self) -> None:
        """Stop to expose."""
        self._exposures.stop()

    def stop(self) -> None:
        """End the sequence."""
        self._exposures.stop()

    def abort(self) -> None:
        """End the sequence, with the exposure under way. Any thread."""
        self._exposures.stop()

    def is_running(self) -> bool:
        """Whether frames are still to come."""
        return self._exposures.is_running()

    def limits(self) -> dict[str, tuple[float, float]]:
        """Return the shortest and the longest exposure."""
        return {"exposure_ms": EXPOSURE_MS}

    def times_s(self) -> dict[str, float]:
        """Return how long its readout takes."""
        return {"readout": self._exposures.readout_s}

    def next_frame(self) -> int:
        """Return the number that the next frame will have."""
        return self._exposures.next_frame

    def exposure_ms(self) -> float:
        """Return the exposure."""
        return self._exposures.exposure_ms

    def set_exposure_ms(self, exposure_ms: float) -> float:
        """Set the exposure; with a frame rate it is cut to the period."""
        return self._exposures.set_exposure_ms(exposure_ms)

    @reshapes
    @command(effect="changes")
    def set_binning(self, binning: int) -> int:
        """Make squares of 1, 2, 4 or 8 pixels into one; returns the binning."""
        self._readout = self._new_readout(self.region(), binning)
        return binning

    @command(effect="reads")
    def binning(self) -> int:
        """Return how many pixels along an edge make one."""
        return self._readout.binning

    @reshapes
    @command(effect="changes")
    def set_region(self, x_px: int, y_px: int, width_px: int, height_px: int) -> tuple[int, int, int, int]:
        """Read a rectangle of the sensor alone, in its own pixels; returns x, y, width and height."""
        self._readout = self._new_readout((x_px, y_px, width_px, height_px), self._readout.binning)
        return self.region()

    @command(effect="reads")
    def region(self) -> tuple[int, int, int, int]:
        """Return x, y, width and height of what is read of the sensor, in its own pixels."""
        return self._readout.x_px, self._readout.y_px, self._readout.width_px, self._readout.height_px

    @reshapes
    @command(effect="changes")
    def clear_region(self) -> None:
        """Read the whole sensor again."""
        self._readout = self._new_readout(None, self._readout.binning)

    def inject_fault(self, kind: str, **details: Any) -> None:
        """Make a fault happen: late, lost, error, freeze, thaw or hang; see `parfocal.devices.exposures`."""
        self._exposures.faults.inject(kind, details)

    def _check_out(self, out: NDArray[Any]) -> None:
        shape, dtype = self._readout.shape, self._sensor_settings.dtype
        if out.shape != shape or out.dtype != np.dtype(dtype):
            raise BadInputError(f"out must be {dtype} {shape}, not {out.dtype} {out.shape}")

    def _new_readout(self, region: tuple[int, int, int, int] | None, binning: int) -> Readout:
        sensor = (self._sensor_settings.height_px, self._sensor_settings.width_px)
        return Readout.checked(*(region or (0, 0, sensor[1], sensor[0])), binning, sensor)
