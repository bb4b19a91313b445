"""A camera as snaps use it: set to what a request asks for, told the event, started, ended at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from parfocal.core.protocols import CanAbort, TakesEvents
from parfocal.devices.limits import check_values, limits_reader

if TYPE_CHECKING:
    from collections.abc import Callable

    from parfocal.core.protocols import Camera
    from parfocal.devices.snap import SnapRequest


class SnapCamera:
    """The camera of a host, in the thread that reads its frames, but for `abort`.

    Parameters
    ----------
    device : Camera
        The camera.
    expose : callable
        ``expose(count)`` starts it, and notes that.
    """

    def __init__(self, device: Camera, expose: Callable[[int], None]) -> None:
        self._device, self._expose, self._limits = device, expose, limits_reader(device)
        self._takes_events = device if isinstance(device, TakesEvents) else None
        self._can_abort = device if isinstance(device, CanAbort) else None

    def is_running(self) -> bool:
        """Whether a sequence is on."""
        return self._device.is_running()

    def expose_for(self, request: SnapRequest, count: int) -> None:
        """Set what a request asks for, and begin to expose `count` frames.

        Raises
        ------
        BadInputError
            If the exposure is beyond the camera's limits; then nothing is exposed.
        DeviceError
            If the camera fails.
        """
        device = self._device
        if request.exposure_ms is not None and request.exposure_ms != device.exposure_ms():
            check_values(self._limits(), {"exposure_ms": request.exposure_ms})
            device.set_exposure_ms(request.exposure_ms)
        if self._takes_events is not None and (request.event >= 0 or request.time_s is not None):
            self._takes_events.next_event(request.event, request.time_s, request.index)
        self._expose(count)

    def stop(self) -> None:
        """End the sequence."""
        self._device.stop()

    def abort(self) -> None:
        """End the sequence at once if the camera can; another one ends with its next `stop`. Any thread."""
        if self._can_abort is not None:
            self._can_abort.abort()
