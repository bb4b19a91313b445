"""What a modulator's host uses to be calibrated: the light before it, leased, and images of a camera."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from parfocal.core.errors import BadInputError, DeviceError
from parfocal.core.frames import FrameHeader
from parfocal.devices.lamps import Lamp
from parfocal.ipc import ServiceProxy
from parfocal.streams import open_stream

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from parfocal.ipc import CallContext, Client, OutputLease
    from parfocal.processes import ServiceContext
    from parfocal.streams import LosslessReader

_LEASE_S = 2.0
_FRAME_S = 10.0
_ATTEMPTS = 10


@contextmanager
def lit(context: ServiceContext, light: str, power: float) -> Iterator[OutputLease]:
    """Have a light shine while the block runs; then it is dark, and its power as it was found.

    It is leased: should this process end, or the block fail, it goes out.

    Raises
    ------
    BadInputError
        If it is on already.
    """
    with context.connect(light) as client:
        lamp = Lamp(light, lambda _: ServiceProxy(client))
        found = lamp.found(lamp.begin_reading().result())
        if found.lit:
            raise BadInputError(
                f"light {light!r} is on: somebody uses it; switch it off before you calibrate"
            )
        with client.lease(period_s=_LEASE_S) as lease:
            lamp.begin_dark(power).result()
            lamp.begin_lit().result()
            yield lease
            lamp.begin_dark().result()
        lamp.begin_dark(found.power).result()


class CameraImages:
    """Images of a camera, which goes on as it was: a live sequence too, with its exposure and its region.

    Parameters
    ----------
    camera : Client
        Of its service.
    frames : LosslessReader
        Of its stream.
    call : CallContext
        Ends the waiting when it is cancelled.
    """

    def __init__(self, camera: Client, frames: LosslessReader, call: CallContext) -> None:
        self._camera, self._frames, self._call = camera, frames, call

    def take(self) -> NDArray[Any]:
        """Return a copy of an image whose exposure began after this call.

        Raises
        ------
        CancelledError
            If the call ends before.
        DeviceError
            If frames are lost again and again before they can be read.
        """
        for _ in range(_ATTEMPTS):
            image = self._read(self._snap())
            if image is not None:
                return image
        raise DeviceError(f"{_ATTEMPTS} frames in a row were gone before they could be read")

    def _snap(self) -> int:
        """Return the number of a frame that was exposed meanwhile."""
        snap = self._camera.submit("snap", timeout_s=_FRAME_S, returns=list[FrameHeader])
        self._call.on_cancel(lambda: snap.cancel_soon("the calibration ended"))
        try:
            headers: list[FrameHeader] = snap.result()
        finally:
            self._call.check()
        return headers[0].frame

    def _read(self, wanted: int) -> NDArray[Any] | None:
        """Return the frame of that number; None if the stream has it no more."""
        while True:
            with self._frames.lease(timeout_s=_FRAME_S) as frame:
                if frame.header.frame >= wanted:
                    return frame.data.copy() if frame.header.frame == wanted else None


@contextmanager
def images_of(context: ServiceContext, camera: str, call: CallContext) -> Iterator[CameraImages]:
    """Have images of a camera while the block runs."""
    with (
        context.connect(camera) as client,
        open_stream(context.streams, camera).lossless("drop") as frames,
    ):
        yield CameraImages(client, frames, call)
