"""One frame of a rig's camera, for people who want to see whether there is light."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from parfocal.core.errors import BadInputError
from parfocal.core.frames import FrameHeader, FrameSpec

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from parfocal.rig.lab import Lab
    from parfocal.rig.rig import Rig


class SnappedFrame(msgspec.Struct, frozen=True, kw_only=True):
    """A frame: its pixels, its header, and the edge of a pixel in the sample, if that is known."""

    pixels: Any
    header: FrameHeader
    pixel_size_um: float | None

    @property
    def stated(self) -> str:
        """The frame in a line, such as "frame 3: 640 x 480 px, uint16, counts 12 to 4000, mean 900"."""
        pixels: NDArray[Any] = self.pixels
        height, width = pixels.shape[:2]
        return (
            f"frame {self.header.frame}: {width} x {height} px, {pixels.dtype}, "
            f"counts {pixels.min()} to {pixels.max()}, mean {pixels.mean():.0f}"
        )


def snap_frame(rig: Rig | Lab, camera: str = "camera", timeout_s: float = 60.0) -> SnappedFrame:
    """Have a camera take a frame, or if it is exposing its next one, and return it.

    A frame whose exposure began before the call is never returned; of a fast camera it may be a later one
    than the first.

    Raises
    ------
    BadInputError
        If there is no service `camera`, or it is no camera.
    CommandError, StreamError
        If the camera fails, or gives no frame within `timeout_s`.
    """
    if "snap" not in {info.name for info in rig[camera].commands()}:
        raise BadInputError(f"service {camera!r} of rig {rig.name!r} is no camera: it has no command 'snap'")
    stream = rig.stream(camera)
    assert isinstance(stream.spec, FrameSpec)  # of a service with the command `snap`
    with stream.latest() as frames:
        (asked,) = rig[camera].snap(timeout_s=timeout_s)
        while (frame := frames.read(timeout_s=timeout_s)).header.frame < asked.frame:
            pass
        return SnappedFrame(pixels=frame.data, header=frame.header, pixel_size_um=stream.spec.pixel_size_um)
