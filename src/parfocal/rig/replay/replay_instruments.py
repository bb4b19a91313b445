"""Instruments that do again what a record tells: a frame for each event that has one, and nothing else."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from parfocal.core.errors import FrameLostError
from parfocal.core.frames import FrameHeader
from parfocal.core.modulation import shown_mask
from parfocal.runs.forecast.device_times import PlacedParts
from parfocal.runs.instruments.instruments import (
    AcquiredFrames,
    CalledService,
    EventProgress,
    ExposedFrame,
    FiredStimulus,
    Interfered,
    RunStart,
    RunStorage,
    StimulusMask,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from parfocal.core.event_layout import EventLayout
    from parfocal.core.run_status import RunCommand
    from parfocal.rig.replay.replay_clock import ReplayClock
    from parfocal.runs.machine.counts import EventCounts
    from parfocal.runs.machine.tasks import Ending
    from parfocal.runs.plans.event import Event
    from parfocal.runs.plans.service_call import ServiceCall


class ReplayInstruments:
    """Satisfies `parfocal.runs.instruments.instruments.Instruments`.

    Parameters
    ----------
    clock : ReplayClock
        Is set to the end of each exposure.
    images : mapping of int to ExposedFrame
        What was exposed, by the number of the event.
    log : structured ndarray (n,)
        What became of the events: `RecordedRun.events`.
    """

    names: tuple[str, ...] = ()

    def __init__(self, clock: ReplayClock, images: Mapping[int, ExposedFrame], log: NDArray[np.void]) -> None:
        self._clock, self._images = clock, images
        self._log = {int(row["number"]): row for row in log}
        self._aborted = threading.Event()

    def when_interfered(self, heard: Interfered) -> None:
        """Nobody does."""

    def look_ahead(self, events: Callable[[int], Iterator[Event]]) -> None:
        """Take each event by itself."""

    def open(self, opening: RunStart) -> str:
        """Open nothing, and record nothing."""
        del opening
        return ""

    def place(self, event: Event) -> PlacedParts:
        """Everything is where it was."""
        del event
        return PlacedParts()

    def expose(self, event: Event, following: Event | None = None) -> ExposedFrame:
        """Return what was exposed for an event.

        Raises
        ------
        FrameLostError
            If the record has no frame of it.
        """
        del following  # everything is where it was
        exposure = self._images.get(event.number)
        if exposure is None:
            raise FrameLostError(f"the record has no frame of event {event.number}", frame=-1)
        self._clock.reach(exposure.header.time_ns)
        return exposure

    def prepare(self, mask: StimulusMask) -> None:
        """Nothing has to be made ready."""

    def stimulate(self, event: Event, mask: StimulusMask | None) -> FiredStimulus:
        """Light nothing; return what would have been lit, at the time that was recorded."""
        row = self._log.get(event.number)
        time_ns = self._clock.monotonic_ns() if row is None else max(0, int(row["time_ns"]))
        self._clock.reach(time_ns)
        header = FrameHeader(frame=-1, time_ns=time_ns, exposure_ns=0, event=event.number)
        return FiredStimulus(
            exposed=ExposedFrame(header=header),
            shown=None if mask is None else shown_mask(mask.mask, time_ns),
            shutter=None,
            fired_ns=time_ns,
        )

    def focus(self, event: Event) -> float:
        """Return the height that was found, or that of the plan."""
        row = self._log.get(event.number)
        found = float("nan") if row is None else float(row["z_um"])
        return found if np.isfinite(found) else event.z_um or 0.0

    def acquire(self, count: int | None, duration_s: float | None = None) -> AcquiredFrames:
        """Nothing of a camera that ran by itself is analysed."""
        del duration_s
        return AcquiredFrames(frames=count or 0, whole=True, began_ns=self._clock.monotonic_ns())

    def call(self, asked: ServiceCall) -> CalledService:
        """Call nothing."""
        del asked
        return CalledService(began_ns=self._clock.monotonic_ns(), frames=0, outcome="acquired")

    def hold_call(self) -> None:
        """Nothing lasts."""

    def release_call(self) -> None:
        """Nothing lasts."""

    def progress(self) -> EventProgress:
        """Return nothing."""
        return EventProgress()

    def ready(self) -> None:
        """They always are."""

    def abort(self) -> None:
        """Nothing lasts."""

    def cut(self) -> None:
        """Nothing lasts."""

    def shade(self, *, off: bool = False) -> None:
        """There is no light."""

    def dark(self) -> None:
        """There is no light."""

    def rest(self) -> None:
        """Nothing moves."""

    def relayout(self, layout: EventLayout | None, plan: dict[str, Any]) -> None:
        """Do nothing: the plan is whole from the start."""

    def keep_commands(self, commands: tuple[RunCommand, ...], *, patiently: bool = False) -> None:
        """Nobody commands."""

    def storage(self) -> RunStorage:
        """Return that nothing waits to be stored."""
        return RunStorage(stored=0)

    def waits_for(self) -> str:
        """Return that nothing waits to be stored."""
        return ""

    def close(self, ending: Ending, reason: str, counts: EventCounts) -> tuple[str, str]:
        """Return how it ended."""
        del counts
        return ending, reason
