"""The prediction of a run that goes on: of each event as it comes, and compared with what happens.

What comes is worked out when the run has the time for it, or somebody asks for what follows from it: between
an image and its stimulus there is none.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from parfocal.runs.forecast.device_times import DeviceTimes, PlacedParts
from parfocal.runs.forecast.measured_times import MeasuredTimes
from parfocal.runs.forecast.prediction import Placing, Prediction
from parfocal.runs.machine.timing import Timing
from parfocal.runs.plans.event import Event
from parfocal.runs.postponed import PostponedWork

if TYPE_CHECKING:
    from parfocal.core.frames import FrameHeader


@dataclass(frozen=True, kw_only=True)
class KnownTimes:
    """What is known of a rig's times when a run begins.

    Attributes
    ----------
    declared : DeviceTimes
        What its devices say that they take.
    times : DeviceTimes
        What they take, as far as it was measured.
    at : dict of str to float
        Where the axes stand, um.
    measured : MeasuredTimes
        Told what they really take.
    """

    declared: DeviceTimes = field(default_factory=DeviceTimes)
    times: DeviceTimes = field(default_factory=DeviceTimes)
    at: Mapping[str, float] = field(default_factory=dict)
    measured: MeasuredTimes = field(default_factory=MeasuredTimes)


class RunPrediction:
    """When the events of a run are expected, by the times known at its start. One thread at a time.

    Parameters
    ----------
    known : KnownTimes
        What is known then.
    begin_s : float
        The second of the schedule with which the run begins.
    """

    def __init__(self, known: KnownTimes, *, begin_s: float = 0.0) -> None:
        self._known = known
        self._seen = MeasuredTimes()  # of this run alone
        self._prediction = Prediction(known.times, known.at, begin_s=begin_s)
        self._event: Event | None = None
        self._placing = Placing()
        self._ended_ns = 0  # of the exposure before; 0 once that is taken note of
        self._starts_s = math.nan
        self._later = PostponedWork()

    def catch_up(self) -> None:
        """Work out what has come; also done before anything is returned."""
        self._later.catch_up()

    @property
    def starts_s(self) -> float:
        """When the event in hand is expected, in seconds of the schedule; NaN before the first."""
        self._later.catch_up()
        return self._starts_s

    @property
    def declared(self) -> DeviceTimes:
        """What the devices say that they take."""
        return self._known.declared

    def fetched(self, event: Event) -> None:
        """Predict the event that the run has in hand now."""
        self._later.add(partial(self._fetched, event))

    def goes_on(self, timing: Timing, now_ns: int) -> None:
        """Predict from now on anew: the run goes on after a pause, or with another plan."""
        self._later.catch_up()
        self._prediction.goes_on(timing, now_ns)
        self._ended_ns = 0
        if self._event is not None:
            self._starts_s = self._prediction.of(self._event).starts_s

    def from_here(self, timing: Timing, now_ns: int) -> Prediction:
        """Return a prediction of what comes next, from how the run really stands."""
        self._later.catch_up()
        return self._prediction.from_here(timing, now_ns)

    def remarks(self) -> tuple[str, ...]:
        """Return what was noticed in this run: which axes are much slower than they declare."""
        self._later.catch_up()
        return self._seen.slow_axes(self._known.declared)

    def saw_placed(self, placed: PlacedParts, began_ns: int) -> None:
        """Take note of how long stages and light path took, from when they were asked."""
        self._later.add(partial(self._saw_placed, placed, began_ns))

    def saw_exposed(self, header: FrameHeader, light_s: float | None, began_ns: int) -> None:
        """Take note of how long it took until an exposure began, from when it was asked for.

        `light_s` of it were needed to let the light through; None if it was. One that had begun before, in a
        sequence with others, tells nothing of that.
        """
        self._later.add(partial(self._saw_exposed, header, light_s, began_ns))

    def _fetched(self, event: Event) -> None:
        self._event = event
        if not event.is_exposure:
            self._ended_ns = 0
        self._placing = self._prediction.placing_of(event)
        self._starts_s = self._prediction.of(event).starts_s

    def _saw_placed(self, placed: PlacedParts, began_ns: int) -> None:
        expected, placing = self._known.times, self._placing
        for measured in (self._known.measured, self._seen):
            if self._ended_ns:
                measured.saw_next((began_ns - self._ended_ns) * 1e-9, expected)
            if placed.shade_s is not None:
                measured.saw_shade(placed.shade_s, expected)
            if placed.move_s is not None:
                measured.saw_move(placing.distances_um, placed.move_s, expected)
            if placed.switch_s is not None and placing.switch is not None:
                measured.saw_switch(*placing.switch, placed.switch_s, expected)
        self._ended_ns, self._placing = 0, Placing()

    def _saw_exposed(self, header: FrameHeader, light_s: float | None, began_ns: int) -> None:
        waited_s = (header.time_ns - header.exposure_ns - began_ns) * 1e-9
        self._event, self._ended_ns = None, header.time_ns
        if waited_s < 0:
            return
        for measured in (self._known.measured, self._seen):
            if light_s is not None:
                measured.saw_light(light_s, self._known.times)
            measured.saw_exposure(waited_s - (light_s or 0.0), self._known.times)
