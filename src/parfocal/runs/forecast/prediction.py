"""When each event of a run will begin. It goes by the rules of the run itself, and by what devices take."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from types import MappingProxyType
from typing import NamedTuple, Self

from parfocal.runs.forecast.device_times import DeviceTimes
from parfocal.runs.machine.choosing import SHADED_FROM_NS
from parfocal.runs.machine.timing import Timing
from parfocal.runs.plans.event import Event, EventLight


class PredictedEvent(NamedTuple):
    """When an event is expected.

    Attributes
    ----------
    starts_s : float
        When its exposure begins, in seconds of the schedule; of a wait or a question when that begins.
    ready_s : float
        When it could begin, if the plan did not have it later.
    late_s : float
        How much later it begins than the plan has it; 0 if it is on time, or may begin at any time.
    """

    starts_s: float
    ready_s: float
    late_s: float


class Placing(NamedTuple):
    """What an event has stages and light path do.

    Attributes
    ----------
    distances_um : mapping of str to float
        How far each known axis is to go.
    switch : (str, str) or None
        From which channel to which; None if the light path stays.
    """

    distances_um: Mapping[str, float] = MappingProxyType({})
    switch: tuple[str, str] | None = None


class Prediction:
    """A run as it is expected to go, event by event. One thread.

    Questions are taken as answered at once. An "acquire" without a count or a time, and a "call", have no end
    that could be known: what comes after them is expected at once.

    Parameters
    ----------
    times : DeviceTimes
        What the devices take.
    at : dict of str to float
        Where the axes stand, um.
    begin_s : float
        The second of the schedule with which the run begins.

    Attributes
    ----------
    times : DeviceTimes
        What the devices take.

    Examples
    --------
    >>> from parfocal.runs import Sequence
    >>> plan = Sequence(time_plan={"interval": 1, "loops": 2}, stage_positions=[(0, 0), (100, 0)])
    >>> from parfocal.runs.forecast.device_times import AxisTimes
    >>> times = DeviceTimes(axes={"x": AxisTimes(speed_um_per_s=200)}, exposure_ms={"": 250})
    >>> prediction = Prediction(times, {"x": 0, "y": 0})
    >>> [prediction.of(event).starts_s for event in plan.events()]
    [0.0, 0.75, 1.5, 2.25]
    """

    def __init__(self, times: DeviceTimes, at: Mapping[str, float], *, begin_s: float = 0.0) -> None:
        self.times = times
        self._at = dict(at)
        self._channel = ""
        self._light: EventLight | None = None
        self._lit = False
        self._timing = Timing(begin_s=begin_s)
        self._now_ns = 0

    def goes_on(self, timing: Timing, now_ns: int) -> None:
        """Go on from how the run really stands: after a pause, or with another plan."""
        self._timing, self._now_ns = timing, now_ns
        self._lit, self._light = False, None

    def from_here(self, timing: Timing, now_ns: int) -> Self:
        """Return a prediction of its own that goes on from how the run really stands."""
        other = copy(self)
        other._at = self._at.copy()
        other._timing, other._now_ns = timing, now_ns
        return other

    def placing_of(self, event: Event) -> Placing:
        """Return what the next event will have stages and light path do."""
        ways = {name: target - self._at.get(name, target) for name, target in event.targets_um.items()}
        known = {name: way for name, way in ways.items() if way and name in self.times.axes}
        switches = bool(event.channel) and event.light != self._light
        return Placing(known, (self._channel, event.channel) if switches else None)

    def of(self, event: Event) -> PredictedEvent:
        """Return when the next event begins. To be called with each, in order."""
        if event.is_exposure:
            return self._expose(event)
        if event.kind == "autofocus":
            return self._focus(event)
        self._timing = self._timing.begun(self._now_ns)
        ready_ns = self._now_ns
        if event.kind == "acquire":
            return self._acquire(event)
        self._lit, self._light = False, None  # it is switched off meanwhile
        due_ns = max(ready_ns, self._timing.planned_ns(event) or ready_ns)
        predicted = self._predicted(event, due_ns, ready_ns)
        if event.kind == "wait":
            self._now_ns = max(ready_ns, self._timing.wait_until_ns(event, ready_ns))
        else:
            self._timing = self._timing.answered(event, ready_ns)
        return predicted

    def _expose(self, event: Event) -> PredictedEvent:
        self._now_ns += round(self._place_s(event) * 1e9)
        self._timing = self._timing.begun(self._now_ns)
        ready_ns, due_ns = self._now_ns, self._timing.due_ns(event, self._now_ns)
        if due_ns - ready_ns > SHADED_FROM_NS:
            self._lit = False
        before_ns = round((self._light_s(event) + self.times.before_s) * 1e9)
        began_ns = max(ready_ns, due_ns) + before_ns
        predicted = self._predicted(event, began_ns, ready_ns + before_ns)
        self._timing = self._timing.exposed(event, began_ns, repeated=False)
        exposure_s = self.times.exposure_s(event.channel, event.exposure_ms)
        self._now_ns = began_ns + round((exposure_s + self.times.after_s) * 1e9)
        return predicted

    def _focus(self, event: Event) -> PredictedEvent:
        self._now_ns += round(self._place_s(event) * 1e9)
        self._timing = self._timing.begun(self._now_ns)
        ready_ns = self._now_ns
        began_ns = max(ready_ns, self._timing.due_ns(event, ready_ns))
        self._now_ns, self._lit = began_ns + round(self._sweep_s(event) * 1e9), False
        return self._predicted(event, began_ns, ready_ns)

    def _sweep_s(self, event: Event) -> float:
        """Return how long an autofocus takes: to the lowest plane, through all of them, and to the focus."""
        autofocus, times = event.autofocus, self.times
        assert autofocus is not None
        reach_s, step_s = (
            times.move_s({"z": 0.0}, {"z": way}) for way in (autofocus.reach_um, autofocus.step)
        )
        plane_s = times.before_s + times.exposure_s(event.channel, event.exposure_ms) + times.after_s
        if self._light is not None:
            plane_s += times.light_s + times.shade_s
        return 2 * reach_s + (autofocus.count - 1) * step_s + autofocus.count * plane_s

    def _acquire(self, event: Event) -> PredictedEvent:
        ready_ns = self._now_ns
        began_ns = max(ready_ns, self._timing.due_ns(event, ready_ns)) + round(self.times.before_s * 1e9)
        predicted = self._predicted(event, began_ns, began_ns)
        self._timing = self._timing.exposed(event, began_ns, repeated=False)
        exposing_s = event.duration_s or (event.count or 0) * self.times.frame_s
        lasts_s = exposing_s + self.times.after_s
        self._now_ns = began_ns + round(lasts_s * 1e9)
        return predicted

    def _place_s(self, event: Event) -> float:
        """Return how long stages and light path take to be where an event wants them, both at once.

        The light of a channel is held back before anything moves.
        """
        targets = event.targets_um
        moves = any(self._at.get(name) != target for name, target in targets.items())
        switches = bool(event.channel) and event.light != self._light
        if not moves and not switches:
            return 0.0
        placing_s = self.times.shade_s if moves and self._lit and self._light is not None else 0.0
        self._lit = False
        move_s, switch_s = self.times.move_s(self._at, targets), 0.0
        self._at.update(targets)
        if switches:
            switch_s = self.times.switch(self._channel, event.channel)
            self._light, self._channel = event.light, event.channel
        return placing_s + max(move_s, switch_s)

    def _light_s(self, event: Event) -> float:
        """Return how long it takes until the light of an exposure is let through."""
        was_lit, self._lit = self._lit, True
        return 0.0 if was_lit or (self._light is None and not event.channel) else self.times.light_s

    def _predicted(self, event: Event, began_ns: int, ready_ns: int) -> PredictedEvent:
        origin_ns = self._timing.origin_ns or 0
        starts_s = (began_ns - origin_ns) * 1e-9
        planned_s = event.min_start_time
        late_s = 0.0 if planned_s is None else max(0.0, starts_s - planned_s)
        return PredictedEvent(starts_s, (ready_ns - origin_ns) * 1e-9, late_s)
