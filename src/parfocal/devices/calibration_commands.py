"""The commands of a modulator's host that tell, take and make its calibration."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field

from parfocal.core.errors import BadInputError, DeviceError
from parfocal.core.modulation import ModulatorCalibration
from parfocal.core.protocols import LightModulator
from parfocal.devices.calibration_file import load_calibration, save_calibration
from parfocal.devices.device_host import DeviceConfig, DeviceHost
from parfocal.devices.mask_warp import MaskWarp
from parfocal.ipc import RECEIVER, command, current_call
from parfocal.processes import FixedSettings
from parfocal.processes.directory import state_folder

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from parfocal.ipc import OutputLease


class CalibrationConfig(DeviceConfig):
    """Settings of a host whose modulator can be calibrated.

    Parameters
    ----------
    camera : str
        The service of the camera whose pixels masks are in; "" if it is calibrated by other means
        (`set_calibration`).
    light : str
        The service of the light that it is before; "" likewise.
    other_lights : tuple of str
        Further lights that it is before; it is calibrated with `light`.
    calibration_file : Path or None
        Where its calibration is kept; None for a file of the rig's state folder, named like the service.
    largest_residual_px : float
        A calibration whose spots lie farther from the fit (RMS, camera pixels) is none.
    """

    camera: str = ""
    light: str = ""
    other_lights: tuple[str, ...] = ()
    calibration_file: Path | None = None
    largest_residual_px: Annotated[float, Field(gt=0)] = 1.0


class CalibrationCommands(DeviceHost):
    """Part of `ModulatorHost`."""

    settings: CalibrationConfig
    device: LightModulator
    calibrating = False
    """Whether `calibrate` is under way: nothing else may be shown."""

    def fixed_settings(self) -> FixedSettings:
        """Return the file of the calibration, too: it is loaded once."""
        return {**super().fixed_settings(), "calibration_file": "restart"}

    def commands_called(self) -> dict[str, tuple[tuple[str, str], ...]]:
        """Return what is asked of camera and light."""
        camera, light = self.settings.camera, self.settings.light
        called = {"camera": (camera,), "light": (light,), "other_lights": self.settings.other_lights}
        asked = {"camera": "snap", "light": "set_power", "other_lights": "set_power"}
        return {
            setting: tuple((name, asked[setting]) for name in names)
            for setting, names in called.items()
            if any(names)
        }

    def load_calibration(self) -> None:
        """Read the calibration that was kept, if it is one of this modulator."""
        self._warp: MaskWarp | None = None
        self._calibration = load_calibration(self._file())
        if self._calibration is not None and self._calibration.modulator_shape != self.device.shape:
            self.context.log.warning("the calibration in %s is of another modulator", self._file())
            self._calibration = None
        if self._calibration is not None:
            self._warp = MaskWarp(self._calibration)

    def warp(self) -> MaskWarp:
        """Return what makes patterns of masks; `BadInputError` without a calibration."""
        if self._warp is None:
            raise BadInputError(
                f"modulator {self.context.service!r} is not calibrated: call its command `calibrate` first"
            )
        return self._warp

    @command(lane=RECEIVER, effect="reads")
    def calibration(self) -> ModulatorCalibration | None:
        """Return where the camera's pixels lie on it, how well that is known, and since when; None if not."""
        return self._calibration

    @command(effect="changes")
    def set_calibration(self, calibration: ModulatorCalibration) -> None:
        """Use a calibration from now on, and keep it for the next start.

        Raises
        ------
        BadInputError
            If it is of another modulator, or its residual is too large.
        """
        if calibration.modulator_shape != self.device.shape:
            raise BadInputError(
                f"the calibration is of a modulator of {calibration.modulator_shape}, not {self.device.shape}"
            )
        limit = self.settings.largest_residual_px
        if not 0 <= calibration.residual_px <= limit:
            raise BadInputError(
                f"a residual of {calibration.residual_px:.3g} px is above the limit of {limit:g} px: focus, "
                "give the spots more light, and calibrate again"
            )
        warp = MaskWarp(calibration)
        save_calibration(self._file(), calibration)
        with self.lock:
            self._calibration, self._warp = calibration, warp

    @command(lane="calibrate", effect="changes")
    def calibrate(self, power: float = 0.5, along: int = 6, radius_px: float = 8.0) -> ModulatorCalibration:
        """Show spots one by one, find them in images of the camera, and keep what follows from it.

        It goes on beside a live view of the camera, whose settings stay as they are; its frames show the
        spots. Cancelled, failed, or ended by `blank`, as a run does when it begins, it leaves the light off,
        the modulator blank, and the calibration as it was.

        Parameters
        ----------
        power : float
            Of the light, 0 to 1.
        along : int
            Spots along each edge of the modulator.
        radius_px : float
            Of a spot, in pixels of the modulator.

        Raises
        ------
        BadInputError
            If the rig file names no camera or light for it, the light is on, or an argument makes no sense.
        DeviceError
            If too few spots are seen, or they do not agree.
        """
        from parfocal.devices.calibrating import calibrate  # scipy: of this command alone
        from parfocal.devices.calibration_setup import images_of, lit

        camera, light = self.settings.camera, self.settings.light
        if not camera or not light:
            raise BadInputError(f"the settings of {self.context.service!r} name no camera and light for it")
        if not (0 < power <= 1 and 3 <= along <= 20 and 0.5 <= radius_px <= min(self.device.shape) / 10):
            raise BadInputError(
                "power must be above 0 and at most 1, along 3 to 20, and radius_px 0.5 to a tenth of the "
                f"modulator, not {power}, {along} and {radius_px}"
            )
        call, began = current_call(), self.times_made_safe
        self.calibrating = True
        try:
            with images_of(self.context, camera, call) as images, lit(self.context, light, power) as lease:

                def progress(part: float, text: str) -> None:
                    call.check()
                    self._check_goes_on(began, lease)
                    call.progress(part, text)

                found = calibrate(
                    self.show_spot,
                    images.take,
                    self.device.shape,
                    along=along,
                    radius_px=radius_px,
                    utc_ns=self.context.clock.utc_ns(),
                    progress=progress,
                )
                self.show_spot(np.zeros(self.device.shape, np.uint8))
            self.set_calibration(found)
        finally:
            self.device.make_safe()
            self.calibrating = False
        return found

    def show_spot(self, pattern: NDArray[np.uint8]) -> None:
        """Show a pattern, of a calibration."""
        raise NotImplementedError

    def _check_goes_on(self, began: int, lease: OutputLease) -> None:
        self.check_not_made_safe(began, "the calibration was ended: the modulator was blanked")
        if lease.lost:
            raise DeviceError(f"the light of the calibration went out: {lease.lost}")

    def _file(self) -> Path:
        kept = self.settings.calibration_file
        return kept or state_folder(self.context.rig) / f"{self.context.service}.calibration.json"
