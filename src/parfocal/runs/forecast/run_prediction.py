"""The prediction of a run that goes on: made event by event as they come, and compared with what happens."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from parfocal.runs.forecast.device_times import DeviceTimes
from parfocal.runs.forecast.measured_times import MeasuredTimes
from parfocal.runs.forecast.prediction import Prediction
from parfocal.runs.machine import inputs, tasks
from parfocal.runs.machine.timing import Timing
from parfocal.runs.plans.event import Event


@dataclass(frozen=True, kw_only=True)
class KnownTimes:
    """What is known of a rig's times when a run begins.

    Attributes
    ----------
    times : DeviceTimes
        What its devices take.
    at : dict of str to float
        Where the axes stand, um.
    measured : MeasuredTimes
        Told what they really take.
    """

    times: DeviceTimes = field(default_factory=DeviceTimes)
    at: Mapping[str, float] = field(default_factory=dict)
    measured: MeasuredTimes = field(default_factory=MeasuredTimes)


class RunPrediction:
    """When the events of a run are expected, by the times known at its start. The thread of the run.

    Parameters
    ----------
    known : KnownTimes
        What is known then.
    begin_s : float
        The second of the schedule with which the run begins.

    Attributes
    ----------
    starts_s : float
        When the event in hand is expected, in seconds of the schedule; NaN before the first.
    """

    def __init__(self, known: KnownTimes, *, begin_s: float = 0.0) -> None:
        self._times, self._measured = known.times, known.measured
        self._prediction = Prediction(known.times, known.at, begin_s=begin_s)
        self._event: Event | None = None
        self._distances_um: dict[str, float] = {}
        self._channel = ""
        self._ended_ns = 0  # of the exposure before; 0 once that is taken note of
        self.starts_s = math.nan

    def fetched(self, event: Event) -> None:
        """Predict the event that the run has in hand now."""
        self._event = event
        self._distances_um, self._channel = self._prediction.placing_of(event)
        self.starts_s = self._prediction.of(event).starts_s

    def goes_on(self, timing: Timing, now_ns: int) -> None:
        """Predict from now on anew: the run goes on after a pause, or with another plan."""
        self._prediction.goes_on(timing, now_ns)
        if self._event is not None:
            self.starts_s = self._prediction.of(self._event).starts_s

    def saw(self, task: tasks.Task | None, began_ns: int, report: inputs.Report, exposure_ns: int) -> None:
        """Take note of how long a task took.

        Parameters
        ----------
        task : Task
            What it was.
        began_ns : int
            When it began.
        report : Report
            How it ended.
        exposure_ns : int
            How long the newest exposure lasted.
        """
        if isinstance(task, tasks.Place) and isinstance(report, inputs.Placed):
            if self._ended_ns:
                self._measured.saw_next((began_ns - self._ended_ns) * 1e-9)
                self._ended_ns = 0
            took_s = (report.now_ns - began_ns) * 1e-9
            self._measured.saw_placing(self._distances_um, self._channel, took_s, self._times)
            self._distances_um, self._channel = {}, ""
        elif isinstance(task, tasks.Expose) and isinstance(report, inputs.Exposed):
            self._measured.saw_exposure((report.began_ns - began_ns) * 1e-9)
            self._event, self._ended_ns = None, report.began_ns + exposure_ns
