"""Looks for the focus with the camera: an image in each plane, and the height at which they are sharpest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from parfocal.core.errors import FocusNotFoundError
from parfocal.streams import open_stream
from parfocal.tracking.sharpness import best_focus, sharpness

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from parfocal.core.frames import FrameHeader
    from parfocal.runs.plans.event import Event
    from parfocal.streams import LatestReader

_READ_S = 5.0


def find_focus(
    event: Event,
    limits_um: tuple[float, float],
    expose: Callable[[Event], FrameHeader],
    streams: Path,
    camera: str,
) -> float:
    """Return the height of the focus, um; the stage stands in the last plane then.

    Parameters
    ----------
    event : Event
        An autofocus: where, in which light, through which planes.
    limits_um : (float, float)
        Between which heights the stage goes.
    expose : callable
        Takes a frame at the height and in the light of the event that it is given.
    streams, camera : Path, str
        Where the frames are.

    Raises
    ------
    FocusNotFoundError
        If no plane stands out, the best is an outermost one, or the stage does not go so far.
    """
    autofocus = event.autofocus
    assert autofocus is not None
    assert event.z_um is not None
    planes_um = autofocus.planes_um(event.z_um)
    if planes_um[0] < limits_um[0] or planes_um[-1] > limits_um[1]:
        raise FocusNotFoundError(
            f"the planes from {planes_um[0]:g} to {planes_um[-1]:g} um are beyond the limits of z, "
            f"{limits_um[0]:g} to {limits_um[1]:g} um"
        )
    values, pixels = [], 0
    with open_stream(streams, camera).latest() as frames:
        for z_um in planes_um:
            header = expose(replace(event, z_um=z_um))
            image = _image_of(header, frames)
            values.append(sharpness(image, autofocus.measure))
            pixels = image.size
    return best_focus(planes_um, values, pixels)


def _image_of(header: FrameHeader, frames: LatestReader) -> NDArray[Any]:
    while (frame := frames.read(_READ_S)).header.frame != header.frame:
        pass
    pixels: NDArray[Any] = frame.data
    return pixels
