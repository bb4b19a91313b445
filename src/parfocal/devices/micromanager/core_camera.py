"""The camera of a core: what its frames look like, and its exposure."""

from __future__ import annotations

from parfocal.core.errors import DeviceError
from parfocal.core.frames import FrameSpec, Sensor
from parfocal.devices.micromanager.core_devices import CoreDevices
from parfocal.devices.micromanager.mmcore import asking

_CAMERA = 2
_DTYPES = {1: "uint8", 2: "uint16", 4: "float32"}


class CoreFrames(CoreDevices):
    """Part of `Core`."""

    def camera(self) -> str:
        """Return the label of its camera; `DeviceError` if it has none, or one of several channels."""
        label = self.label(_CAMERA, "", self.mmc.getCameraDevice(), "camera")
        with asking(f"tell the channels of camera {label!r}"):
            channels = int(self.mmc.getNumberOfCameraChannels())
        if channels != 1:
            raise DeviceError(f"camera {label!r} has {channels} channels: name one of its cameras instead")
        return label

    def frame_spec(self, pixel_size_um: float | None) -> FrameSpec:
        """Return what frames look like as it is set now; `pixel_size_um` replaces what the core knows."""
        width, height, bytes_per_pixel, components, bits = self.frame_format()
        if components != 1 or bytes_per_pixel not in _DTYPES:
            raise DeviceError(
                f"the camera makes pixels of {components} components and {bytes_per_pixel} bytes; set its "
                "property PixelType to one of grey values, such as 16bit"
            )
        with asking("tell the pixel size"):
            known_um = float(self.mmc.getPixelSizeUm())
        return FrameSpec(
            shape=(height, width),
            dtype=_DTYPES[bytes_per_pixel],
            pixel_size_um=pixel_size_um or known_um or None,
            sensor=Sensor(bit_depth=bits) if bits else None,
        )

    def frame_format(self) -> tuple[int, int, int, int, int]:
        """Return width, height, bytes and components of a pixel, and bits of a count."""
        mmc = self.mmc
        with asking("tell what its frames look like"):
            shape = mmc.getImageWidth(), mmc.getImageHeight(), mmc.getBytesPerPixel()
            return *shape, mmc.getNumberOfComponents(), mmc.getImageBitDepth()

    def exposure_ms(self) -> float:
        """Return the exposure."""
        with asking("tell the exposure"):
            return float(self.mmc.getExposure())

    def most_exposures(self) -> int:
        """Return through how many exposures the camera steps by itself; 0 if it does not."""
        camera = self.camera()
        with asking(f"tell whether {camera!r} steps through exposures"):
            if not self.mmc.isExposureSequenceable(camera):
                return 0
            return int(self.mmc.getExposureSequenceMaxLength(camera))

    def set_exposure_ms(self, exposure_ms: float) -> float:
        """Set the exposure; return what is read back, which the camera may have rounded by a hundredth."""
        with asking(f"set the exposure to {exposure_ms} ms"):
            self.mmc.setExposure(exposure_ms)
        made = self.exposure_ms()
        if abs(made - exposure_ms) > 0.01 * exposure_ms + 1e-3:
            raise DeviceError(f"the exposure was set to {exposure_ms} ms, and reads {made} ms")
        return made


def told_format(frames: tuple[int, int, int, int, int]) -> str:
    """Return what frames look like, in words.

    Examples
    --------
    >>> told_format((512, 256, 2, 1, 16))
    '512 x 256 px of 16 bits'
    """
    width, height, bytes_per_pixel, *_ = frames
    return f"{width} x {height} px of {8 * bytes_per_pixel} bits"
