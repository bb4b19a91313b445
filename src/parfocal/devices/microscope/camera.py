"""A camera of python-microscope."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from parfocal.core.errors import BadInputError, DeviceError, DeviceTimeoutError, FrameLostError
from parfocal.core.frames import FrameHeader, FrameSpec
from parfocal.devices.camera_region import checked_region
from parfocal.devices.device_commands import reshapes
from parfocal.devices.microscope.driver import DriverSettings, asking, enable, finite
from parfocal.devices.microscope.driver_device import DriverDevice
from parfocal.devices.microscope.setting_values import Value
from parfocal.devices.microscope.triggering import TriggeredFrames
from parfocal.ipc import command

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from parfocal.devices.context import DeviceContext

_LOOK_S = 0.1


class DriverCameraSettings(DriverSettings):
    """Which camera, and what the driver does not tell.

    Parameters
    ----------
    pixel_size_um : float, optional
        Edge of a pixel in the sample.
    exposure_ms : float, optional
        Set when it is opened; otherwise it stays as the driver has it.
    lost_after_s : float
        A frame that has not come so long after the end of its exposure is counted as lost.
    """

    pixel_size_um: Annotated[float | None, Field(gt=0, allow_inf_nan=False)] = None
    exposure_ms: Annotated[float | None, Field(gt=0, allow_inf_nan=False)] = None
    lost_after_s: Annotated[float, Field(gt=0, le=3600)] = 5.0


class DriverCamera(DriverDevice):
    """A camera that is triggered by its host, frame by frame (a `parfocal.core.protocols.Camera`).

    What its frames look like no driver tells: one frame is taken when it is opened, and whenever something
    is set that changes them. An exposure counts from its trigger; readout comes after it.
    """

    Settings = DriverCameraSettings
    kind = "Camera"

    def __init__(self, settings: DriverCameraSettings, context: DeviceContext) -> None:
        super().__init__(settings, context)
        self._settings = settings
        self._spec: FrameSpec | None = None
        self._frames: TriggeredFrames | None = None
        self._halted = threading.Event()
        self._halted.set()
        self._left: int | None = 0
        self._next = 0
        self._exposure_s = 0.0

    @property
    def spec(self) -> FrameSpec:
        """What the frame looked like that was taken last when it was opened or reshaped."""
        if self._spec is None:
            raise DeviceError(f"{self._named} is closed; open it first")
        return self._spec

    def close(self) -> None:
        """End the sequence, and shut the driver down."""
        super().close()
        self._spec = self._frames = None

    def make_safe(self) -> None:
        """End the sequence. Any thread."""
        self.stop()

    def state(self) -> dict[str, Any]:
        """Return the driver and its settings, the exposure, and how many frames nobody wanted any more."""
        discarded = 0 if self._frames is None else self._frames.discarded
        return {**super().state(), "exposure_ms": self._exposure_s * 1e3, "discarded": discarded}

    def start(self, count: int | None = None) -> None:
        """Begin to expose `count` frames, or until `stop`; frame numbers go on."""
        if count is not None and count < 1:
            raise BadInputError(f"count must be 1 or more, or None for no end, not {count}")
        frames = self._open_frames()
        if self.is_running():
            raise DeviceError(f"{self._named} is running; stop it before starting another sequence")
        frames.forget()
        self._left = count
        self._halted.clear()

    def stop(self) -> None:
        """End the sequence. Any thread."""
        self._halted.set()

    def is_running(self) -> bool:
        """Whether frames are still to come."""
        return not self._halted.is_set() and self._left != 0

    def read_into(self, out: NDArray[Any], timeout_s: float) -> FrameHeader | None:
        """Trigger an exposure if none is under way, wait for its frame, and copy it."""
        frames = self._open_frames()
        self._check_fits(out)
        if not self.is_running():
            return None
        try:
            arrived = frames.next(timeout_s, round(self._exposure_s * 1e9), more=self._left != 1)
        except DeviceTimeoutError as error:
            lost = self._count()
            raise FrameLostError(f"frame {lost}: {error}", frame=lost) from error
        if arrived is None:
            return None
        if self._halted.is_set():
            frames.discard()
            return None
        self._check_is_as_told(arrived.pixels)
        out[:] = arrived.pixels
        return FrameHeader(
            frame=self._count(),
            time_ns=arrived.time_ns,
            utc_ns=arrived.utc_ns,
            exposure_ns=arrived.exposure_ns,
        )

    def exposure_ms(self) -> float:
        """Return the exposure, as the driver tells it."""
        self._opened()
        return self._exposure_s * 1e3

    def set_exposure_ms(self, exposure_ms: float) -> float:
        """Set the exposure; return what the driver made of it. A frame that is under way is discarded."""
        if not 0 < exposure_ms < float("inf"):
            raise BadInputError(f"exposure_ms must be positive and finite, not {exposure_ms}")
        driver = self._opened()
        if self._frames is not None:
            self._frames.forget()
        with asking(self._named, f"set its exposure to {exposure_ms} ms"):
            driver.set_exposure_time(exposure_ms * 1e-3)
        self._read_exposure(exposure_ms * 1e-3)
        return self.exposure_ms()

    @reshapes
    @command(effect="changes")
    def set_driver_setting(self, name: str, value: Value) -> Value | None:
        """Set one of the driver's own settings; returns what is read back."""
        made = self._set(name, value)
        self._look()
        return made

    @command(effect="reads")
    def region(self) -> tuple[int, int, int, int]:
        """Return the region of the sensor that is read, as the driver tells it: left, top, width, height."""
        with asking(self._named, "tell its region"):
            left, top, width, height = self._opened().get_roi()
        return int(left), int(top), int(width), int(height)

    @reshapes
    @command(effect="changes")
    def set_region(
        self, left_px: int, top_px: int, width_px: int, height_px: int
    ) -> tuple[int, int, int, int]:
        """Read a region of the sensor alone; returns what the driver made of it."""
        region = checked_region(left_px, top_px, width_px, height_px)
        import microscope

        with asking(self._named, f"read the region {region}"):
            self._opened().set_roi(microscope.ROI(*region))
        self._look()
        return self.region()

    @reshapes
    @command(effect="changes")
    def set_binning(self, horizontal: int, vertical: int) -> tuple[int, int]:
        """Add up so many pixels; returns what the driver made of it."""
        if min(horizontal, vertical) < 1:
            raise BadInputError(f"a binning is 1 or more along both axes, not {horizontal} and {vertical}")
        import microscope

        driver = self._opened()
        with asking(self._named, f"bin by {horizontal} and {vertical}"):
            driver.set_binning(microscope.Binning(horizontal, vertical))
            made = driver.get_binning()
        self._look()
        return int(made[0]), int(made[1])

    def _begin(self) -> None:
        driver = self._driver
        self._check_trigger(driver)
        enable(driver, self._named)
        if self._settings.exposure_ms is None:
            self._read_exposure(None)
        else:
            self.set_exposure_ms(self._settings.exposure_ms)
        self._frames = TriggeredFrames(driver, self._named, self._clock, self._settings.lost_after_s)
        self._look()

    def _check_trigger(self, driver: Any) -> None:
        """Have the driver triggered by software, a frame for each trigger."""
        import microscope

        wanted = (microscope.TriggerType.SOFTWARE, microscope.TriggerMode.ONCE)
        with asking(self._named, "be triggered by software, once for each frame"):
            if (driver.trigger_type, driver.trigger_mode) != wanted:
                driver.set_trigger(*wanted)
            if (driver.trigger_type, driver.trigger_mode) != wanted:
                raise DeviceError(f"{self._named} cannot be triggered by software, once for each frame")

    def _look(self) -> None:
        """Take a frame to see what frames look like."""
        frames = self._open_frames()
        frames.forget()
        self._read_exposure(self._exposure_s or None)
        arrived = None
        while arrived is None:
            arrived = frames.next(_LOOK_S, round(self._exposure_s * 1e9))
        pixels = arrived.pixels
        if pixels.ndim != 2:
            raise DeviceError(f"{self._named} delivers frames of shape {pixels.shape}, not (y, x)")
        size = self._settings.pixel_size_um
        self._spec = FrameSpec(shape=pixels.shape, dtype=pixels.dtype.name, pixel_size_um=size)

    def _read_exposure(self, otherwise_s: float | None) -> None:
        """Read the exposure back; of a driver that does not tell it, it is what was set."""
        with asking(self._named, "tell its exposure"):
            told_s = finite(self._driver.get_exposure_time())
        exposure_s = told_s if told_s is not None and told_s > 0 else otherwise_s
        if exposure_s is None:
            raise DeviceError(f"{self._named} does not tell its exposure: give it as the option exposure_ms")
        self._exposure_s = exposure_s

    def _count(self) -> int:
        """Count a frame, and return its number."""
        number, self._next = self._next, self._next + 1
        if self._left is not None:
            self._left -= 1
        return number

    def _check_fits(self, out: NDArray[Any]) -> None:
        spec = self.spec
        if out.shape != spec.shape or out.dtype.name != spec.dtype:
            raise BadInputError(
                f"out must be {spec.dtype} of shape {spec.shape}, not {out.dtype} of {out.shape}"
            )

    def _check_is_as_told(self, pixels: NDArray[Any]) -> None:
        spec = self.spec
        if pixels.shape != spec.shape or pixels.dtype.name != spec.dtype:
            raise DeviceError(
                f"{self._named} delivered {pixels.dtype} of shape {pixels.shape}, where frames are "
                f"{spec.dtype} of {spec.shape}: something else has changed its settings"
            )

    def _open_frames(self) -> TriggeredFrames:
        if self._frames is None:
            raise DeviceError(f"{self._named} is closed; open it first")
        return self._frames
