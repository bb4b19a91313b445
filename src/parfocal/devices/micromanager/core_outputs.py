"""The stages, shutters and light modulators of a core."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from parfocal.core.errors import BadInputError, DeviceError
from parfocal.devices.micromanager.core_devices import CoreDevices
from parfocal.devices.micromanager.mmcore import asking

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SHUTTER, _STAGE, _XY_STAGE, _SLM = 3, 5, 6, 14


class CoreOutputs(CoreDevices):
    """Part of `Core`."""

    def stage(self, name: str, axes: int) -> str:
        """Return the label of the stage of that name; for "" of the core's own XY stage, or its focus."""
        if axes == 1:
            return self.label(_STAGE, name, self.mmc.getFocusDevice(), "stage of one axis")
        return self.label(_XY_STAGE, name, self.mmc.getXYStageDevice(), "XY stage")

    def has_stage(self, name: str, axes: int) -> bool:
        """Whether there is such a stage."""
        try:
            self.stage(name, axes)
        except (BadInputError, DeviceError):
            return False
        return True

    def most_heights(self, stage: str) -> int:
        """Return through how many heights a stage steps by itself, timed by the camera; 0 if it does not."""
        with asking(f"tell whether {stage!r} steps by itself"):
            if not self.mmc.isStageSequenceable(stage):
                return 0
            return int(self.mmc.getStageSequenceMaxLength(stage))

    def most_places(self, stage: str) -> int:
        """Return through how many places an XY stage steps by itself, as `most_heights` does."""
        with asking(f"tell whether {stage!r} steps by itself"):
            if not self.mmc.isXYStageSequenceable(stage):
                return 0
            return int(self.mmc.getXYStageSequenceMaxLength(stage))

    def position(self, stage: str, axes: int) -> tuple[float, ...]:
        """Return where a stage of one or two axes stands, um."""
        with asking(f"tell where {stage!r} stands"):
            if axes == 1:
                return (float(self.mmc.getPosition(stage)),)
            x, y = self.mmc.getXYPosition(stage)
            return float(x), float(y)

    def move(self, stage: str, target_um: tuple[float, ...]) -> None:
        """Send a stage of one or two axes somewhere; an adapter may return at once, or when it is there."""
        with asking(f"move {stage!r} to {', '.join(f'{each:g}' for each in target_um)} um"):
            (self.mmc.setPosition if len(target_um) == 1 else self.mmc.setXYPosition)(stage, *target_um)

    def halt(self, stage: str) -> None:
        """Stop a stage."""
        with asking(f"stop {stage!r}"):
            self.mmc.stop(stage)

    def shutter(self, name: str) -> str:
        """Return the label of the shutter of that name; of the core's own for ""."""
        return self.label(_SHUTTER, name, self.mmc.getShutterDevice(), "shutter")

    def shutter_is_open(self, name: str) -> bool:
        """Whether a shutter is open; for "" whether any is."""
        names = (self.shutter(name),) if name else self.labels(_SHUTTER)
        with asking("tell whether the shutter is open"):
            return any(self.mmc.getShutterOpen(each) for each in names)

    def set_shutter(self, name: str, opened: bool) -> None:
        """Open a shutter, for "" the core's own; or close it, for "" all of them. Waits until it is."""
        if not opened and not name:
            self.close_shutters()
            return
        label = self.shutter(name)
        with asking(f"{'open' if opened else 'close'} the shutter {label!r}"):
            self.mmc.setShutterOpen(label, opened)
            self.mmc.waitForDevice(label)
            made = bool(self.mmc.getShutterOpen(label))
        if made is not opened:
            raise DeviceError(
                f"the shutter {label!r} was told to {'open' if opened else 'close'}, and did not"
            )

    def close_shutters(self) -> None:
        """Close all shutters; one that fails keeps none of the others open."""
        failed = []
        for label in self.labels(_SHUTTER):
            try:
                self.set_shutter(label, False)
            except DeviceError as error:
                failed.append(str(error))
        if failed:
            raise DeviceError("; ".join(failed))

    def slm(self, name: str) -> str:
        """Return the label of the light modulator of that name; of the core's own for ""."""
        return self.label(_SLM, name, self.mmc.getSLMDevice(), "light modulator")

    def slm_shape(self, slm: str) -> tuple[int, int]:
        """Return its pixels (y, x)."""
        with asking(f"tell the size of {slm!r}"):
            return int(self.mmc.getSLMHeight(slm)), int(self.mmc.getSLMWidth(slm))

    def show_on_slm(self, slm: str, image: NDArray[np.uint8]) -> None:
        """Load an image of its shape into a light modulator, have it shown, and wait until it is not busy."""
        with asking(f"show an image on {slm!r}"):
            self.mmc.setSLMImage(slm, np.ascontiguousarray(image))
            self.mmc.displaySLMImage(slm)
            self.mmc.waitForDevice(slm)

    def shown_on_slm(self, slm: str) -> NDArray[np.uint8] | None:
        """Return what a light modulator shows; None if its adapter cannot tell, as those in C++ can't."""
        if not self.mmc.isPyDevice(slm):
            return None
        try:
            with asking(f"tell what {slm!r} shows"):
                return np.asarray(self.mmc.getSLMImage(slm), np.uint8)
        except DeviceError as error:
            if isinstance(error.__cause__, NotImplementedError):
                return None
            raise
