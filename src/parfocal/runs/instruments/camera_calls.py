"""The camera of a run: one frame for an event; set back at the end to how it was found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from parfocal.core.frames import FrameHeader

if TYPE_CHECKING:
    from collections.abc import Callable

    from parfocal.runs.instruments.calling import InstrumentCalls
    from parfocal.runs.plans.event import Event

_BEFORE_END_S = 0.002
"""Enough for some services to answer, and not so long that they have done much else since."""
_FRAMES = list[FrameHeader]


class CameraCalls:
    """Has a camera expose. One thread at a time.

    Parameters
    ----------
    calls : InstrumentCalls
        Calls it.
    camera : str
        The service.
    """

    def __init__(self, calls: InstrumentCalls, camera: str) -> None:
        self._calls, self._camera = calls, camera
        self._was_live = self._others_stopped = False
        self._exposure_ms: float | None = None

    def learn(self) -> tuple[float, float] | None:
        """Return the exposures that it takes, ms; None if it does not say."""
        limits: dict[str, tuple[float, float]] = self._calls.ask(
            self._camera, "declared_limits", returns=dict[str, tuple[float, float]]
        )
        return limits.get("exposure_ms")

    def exposure_ms(self) -> float:
        """Return the exposure that it is set to."""
        exposure_ms: float = self._calls.ask(self._camera, "exposure_ms")
        return exposure_ms

    @property
    def found_exposure_ms(self) -> float:
        """The exposure that was found when the run began; 0 if that was not noted."""
        return self._exposure_ms or 0.0

    def open(self) -> None:
        """Note how it is set. A live sequence is ended, and begun again at the end of the run."""
        self._was_live = self._calls.ask(self._camera, "is_running")
        self._exposure_ms = self.exposure_ms()
        if self._was_live:
            self._calls.ask(self._camera, "stop")

    def snap(
        self,
        event: Event,
        number: int,
        exposure_ms: float | None,
        before_end: Callable[[], None] | None = None,
    ) -> FrameHeader:
        """Take the frame of an event, which `number` names in its header.

        `before_end` is called shortly before the end of the exposure.
        """
        lasts_s = 1e-3 * ((self._exposure_ms or 0.0) if exposure_ms is None else exposure_ms)
        call = self._calls.begin(
            self._camera,
            "snap",
            1,
            number,
            exposure_ms,
            event.min_start_time,
            event.index,
            limit_s=lasts_s,
            returns=_FRAMES,
        )
        if before_end is not None and not self._calls.ends_within(call, lasts_s - _BEFORE_END_S):
            before_end()
        headers: list[FrameHeader] = self._calls.result(call)
        return headers[0]

    def close(self) -> None:
        """Set it as it was found, if that was noted."""
        if self._exposure_ms is None:
            return
        self._calls.ask(self._camera, "set_exposure_ms", self._exposure_ms)

    def others_stopped_it(self) -> None:
        """Have the live sequence stay ended: somebody stopped the camera. Any thread."""
        self._others_stopped = True

    def go_on_live(self) -> None:
        """Begin the live sequence again that there was before: once nothing is recorded any more."""
        if self._was_live and not self._others_stopped:
            self._calls.ask(self._camera, "start")
            self._was_live = False
