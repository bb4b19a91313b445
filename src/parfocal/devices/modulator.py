"""The host of a light modulator: masks in camera pixels go in, and what it shows is read back."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from parfocal.core.errors import BadInputError, DeviceError
from parfocal.core.modulation import (
    BLANK,
    ModulatorCalibration,
    ShownMask,
    mask_hash,
    packed_hash,
    unpack_mask,
)
from parfocal.core.protocols import LightModulator
from parfocal.devices.calibration_file import load_calibration, save_calibration
from parfocal.devices.device_host import DeviceConfig, DeviceHost
from parfocal.devices.mask_warp import MaskWarp
from parfocal.ipc import RECEIVER, URGENT, command
from parfocal.processes.directory import state_folder


class ModulatorConfig(DeviceConfig):
    """Settings of a host of a light modulator.

    Parameters
    ----------
    calibration_file : Path or None
        Where its calibration is kept; None for a file of the rig's state folder, named like the service.
    largest_residual_px : float
        A calibration whose spots lie farther from the fit (RMS, camera pixels) is none.
    """

    calibration_file: Path | None = None
    largest_residual_px: Annotated[float, Field(gt=0)] = 1.0


class ModulatorHost(DeviceHost):
    """Runs a light modulator. It shows nothing when it is opened, safe, closed, or its lease is lost.

    What is shown is read back from the device and compared with what was sent: a mask that it did not take
    is an error, and then it is blanked.
    """

    Config = ModulatorConfig
    protocol = LightModulator
    settings: ModulatorConfig
    device: LightModulator

    def streams_written(self, service: str) -> tuple[str, ...]:
        """Return that it writes none."""
        del service
        return ()

    def surround(self, stack: ExitStack) -> None:
        """Read the calibration that was kept, if it is one of this modulator."""
        del stack
        self._blanked = 0  # how often, so that a mask that is under way is not shown after
        self._sent, self._shown = np.zeros(self.device.shape, np.uint8), self._nothing()
        self._warp: MaskWarp | None = None
        self._calibration = load_calibration(self._file())
        if self._calibration is not None and self._calibration.modulator_shape == self.device.shape:
            self._warp = MaskWarp(self._calibration)
        elif self._calibration is not None:
            self.context.log.warning("the calibration in %s is of another modulator", self._file())
            self._calibration = None

    @command(effect="changes")
    def show_mask(self, mask: bytes, shape: tuple[int, int], hash: int) -> ShownMask:
        """Show a mask in camera pixels; returns what is read back.

        Parameters
        ----------
        mask : bytes
            As `parfocal.core.modulation.pack_mask` makes it.
        shape : tuple of int
            (y, x) of the mask: that of the frames for which the modulator is calibrated.
        hash : int
            `mask_hash` of the mask, so that one that was changed on its way is refused.
        """
        image = unpack_mask(mask, shape)
        if packed_hash(mask, shape) != hash:
            raise BadInputError(f"the mask is not the one of hash {hash:#018x}: nothing is shown")
        return self._show(self._calibrated().pattern(image), hash)

    @command(effect="changes")
    def show_pattern(self, pattern: bytes) -> ShownMask:
        """Show a packed pattern in the modulator's own pixels; its hash is that of the pattern."""
        image = unpack_mask(pattern, self.device.shape)
        return self._show(image, mask_hash(image))

    @command(effect="changes")
    def show_all(self) -> ShownMask:
        """Let light through everywhere; needs no calibration."""
        image = np.ones(self.device.shape, np.uint8)
        return self._show(image, mask_hash(image))

    @command(lane=URGENT, effect="stops")
    def blank(self) -> None:
        """Let no light through: at once, and again after a mask that is under way."""
        self._blanked += 1
        self.device.make_safe()
        with self.lock:
            self._blank()

    @command(lane="read", effect="reads")
    def shown(self) -> ShownMask:
        """Return what it shows, read back from the device.

        Raises
        ------
        DeviceError
            If that is neither what was sent last nor blank.
        """
        with self.lock:
            return self._read_back()

    @command(lane=RECEIVER, effect="reads")
    def shape(self) -> tuple[int, int]:
        """Return its pixels (y, x)."""
        return self.device.shape

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

    def make_safe(self) -> None:
        """Blank it, whatever else is going on."""
        self._blanked = getattr(self, "_blanked", 0) + 1
        super().make_safe()

    def state(self) -> dict[str, Any]:
        """Return the device's state and the calibration."""
        return {**self.device.state(), "calibration": msgspec.to_builtins(self._calibration)}

    def _show(self, pattern: NDArray[np.uint8], shown_as: int) -> ShownMask:
        """Show a pattern within the limits, and return what is read back."""
        blanked = self._blanked
        self.check_limits(lit_fraction=np.count_nonzero(pattern) / pattern.size)
        with self.lock:
            if self.context.stopping.is_set():
                raise DeviceError(f"modulator {self.context.service!r} is being closed")
            try:
                self.device.show(pattern)
                now_ns = self.context.clock.monotonic_ns()
                lit = int(np.count_nonzero(pattern))
                self._sent, self._shown = pattern, ShownMask(hash=shown_as, lit_px=lit, shown_ns=now_ns)
                if self._blanked != blanked:
                    raise DeviceError("the modulator was blanked meanwhile")
                if (shown := self._read_back()).hash != shown_as:
                    raise DeviceError("the modulator did not take the mask: it shows nothing")
            except BaseException:
                self._blank()
                raise
            return shown

    def _read_back(self) -> ShownMask:
        shown = self.device.shown()
        if np.array_equal(shown, self._sent):
            return self._shown
        if shown.any():
            raise DeviceError("the modulator shows another mask than the one that was sent last")
        return self._nothing()

    def _blank(self) -> None:
        self.device.make_safe()
        self._sent, self._shown = np.zeros(self.device.shape, np.uint8), self._nothing()

    def _nothing(self) -> ShownMask:
        return ShownMask(hash=BLANK, lit_px=0, shown_ns=self.context.clock.monotonic_ns())

    def _calibrated(self) -> MaskWarp:
        if self._warp is None:
            raise BadInputError(
                f"modulator {self.context.service!r} is not calibrated: call its command `calibrate` first"
            )
        return self._warp

    def _file(self) -> Path:
        kept = self.settings.calibration_file
        return kept or state_folder(self.context.rig) / f"{self.context.service}.calibration.json"
