"""Services and devices that break a promise now and then: whoever looks for such faults has to find them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from parfocal.core.run_status import RunStatus
from parfocal.devices.simulated.microscope.light import ShutteredLight
from parfocal.ipc import RECEIVER, command
from parfocal.runs.service import RunService
from parfocal.storage.event_image import EventImage
from parfocal.storage.recorder import Recorder

if TYPE_CHECKING:
    from typing import Any

    from parfocal.processes import ServiceContext
    from parfocal.storage.event_image import PlacedFrame

_EVERY = 20


class DeafRuns(RunService):
    """Answers a cancel of a run that is paused, and does nothing."""

    @command(lane=RECEIVER, effect="stops")
    def cancel_run(self, run: str, reason: str = "") -> RunStatus:
        """End a run now, unless it is paused."""
        status: RunStatus = self.status(run)
        return status if status.state == "paused" else super().cancel_run(run, reason)


class ForgetfulRecorder(Recorder):
    """Counts each twentieth frame of a plan as stored, and does not store it."""

    def open(self, context: ServiceContext) -> None:
        """Begin, with a pen that skips."""
        EventImage.begin, EventImage.finish = _skipping(EventImage.begin, EventImage.finish)  # type: ignore[method-assign]
        super().open(context)


class StubbornLight(ShutteredLight):
    """Stays as it is when it should be made safe."""

    simulated = True

    def make_safe(self) -> None:
        """Do nothing."""


def _skipping(begin: Any, finish: Any) -> tuple[Any, Any]:
    count = 0

    def begin_most(image: EventImage, frame: PlacedFrame) -> Any:
        nonlocal count
        count += 1
        return None if count % _EVERY == 0 else begin(image, frame)

    def finish_most(image: EventImage, frame: PlacedFrame, write: Any) -> None:
        if write is not None:
            finish(image, frame, write)

    return begin_most, finish_most
