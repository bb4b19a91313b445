"""What became of each event, as rows: the log of a run's events, recorded beside its frames."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from parfocal.core.errors import StreamTimeoutError
from parfocal.core.event_kinds import EVENT_KINDS
from parfocal.core.frames import RowSpec
from parfocal.runs.instruments.instruments import ExposedFrame
from parfocal.runs.machine import inputs
from parfocal.runs.machine.counts import LEFT_OUT, NO_MASK
from parfocal.runs.pipeline.analysed import StimulusFacts
from parfocal.runs.plans.event import Event
from parfocal.streams import StreamWriter

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from parfocal.runs.machine.machine import Machine

_SLOTS = 1 << 13
_AT_ONCE = 1 << 10
_ROOM_S = 30.0
STREAM = "run_events"
"""The row stream that the log goes through."""
OUTCOMES = ("acquired", "lost", "skipped", "failed", "unsure", "cancelled", NO_MASK, LEFT_OUT)
"""What the numbers in the columns `kind` and `outcome` mean."""
DTYPE = np.dtype(
    [
        ("number", "<i8"),
        ("kind", "u1"),
        *((axis, "<i4") for axis in "tpcz"),
        ("frame", "<i8"),
        ("scheduled_s", "<f8"),
        ("started_s", "<f8"),
        ("predicted_s", "<f8"),
        ("time_ns", "<i8"),
        *((name, "<f8") for name in ("exposure_ms", "x_um", "y_um", "z_um", "power")),
        *((name, "<f8") for name in ("asked_exposure_ms", "asked_power")),
        ("outcome", "u1"),
        ("sequenced", "u1"),
    ]
)
"""Numbers are -1, and times and places NaN, where there is none.

`started_s`, and `predicted_s` when it was expected to begin, are of the run's schedule; `time_ns` is the end
of the exposure, or of a call, on the monotonic clock. `sequenced` is 1 where the instruments timed one
another, and 0 where the run did.
"""


_BEGUN = (inputs.Exposed, inputs.Acquired, inputs.Called, inputs.Focused, inputs.FocusNotFound)
"""Reports that tell when an event began."""


@dataclass(frozen=True, eq=False)
class SettledEvent:
    """An event that is done, or declared dropped.

    What it was, how it ended, its frame, when it began, and when it was expected to; of a stimulus also what
    was decided for it, and whether it had to take an older mask than it wanted; of an autofocus where the
    focus is, um; of a call when it ended, on the monotonic clock; how many frames the camera took for it; and
    whether it counts as acquired.
    """

    event: Event
    outcome: str
    exposure: ExposedFrame | None
    started_s: float
    predicted_s: float
    stimulus: StimulusFacts | None = None
    mask_is_older: bool = False
    focus_um: float = math.nan
    ended_ns: int = -1
    frames: int = 0
    is_done: bool = True

    @cached_property
    def row(self) -> NDArray[np.void]:
        """Its row in the log, (1,); made once, for the stream and for the journal."""
        event, exposure = self.event, self.exposure
        header = None if exposure is None else exposure.header
        return np.array(
            [
                (
                    event.number,
                    EVENT_KINDS.index(event.kind),
                    *(event.index.get(axis, -1) for axis in "tpcz"),
                    -1 if header is None else header.frame,
                    _number(event.min_start_time),
                    self.started_s,
                    self.predicted_s,
                    self.ended_ns if header is None else header.time_ns,
                    math.nan if header is None else header.exposure_ns * 1e-6,
                    *(_number(getattr(exposure, name, None)) for name in ("x_um", "y_um")),
                    self.focus_um if exposure is None else _number(exposure.z_um),
                    _number(getattr(exposure, "power", None)),
                    *(_number(asked) for asked in (event.exposure_ms, event.power)),
                    OUTCOMES.index(self.outcome),
                    exposure is not None and exposure.sequenced,
                )
            ],
            DTYPE,
        )


def settled(
    before: Machine,
    after: Machine,
    report: inputs.Report,
    exposure: ExposedFrame | None,
    predicted_s: Callable[[], float] = lambda: math.nan,
    stimulus: StimulusFacts | None = None,
) -> SettledEvent | None:
    """Return what a report has settled, None if nothing: an event that was in hand is done or dropped.

    `exposure` is the newest one, and `stimulus` what is known of the newest stimulus. `predicted_s` returns
    when the event in hand was expected, and is not called where nothing is settled.
    """
    event = report.event if isinstance(report, inputs.Fetched) else before.event
    if event is None or after.event is event:
        return None
    outcome = _outcome(before, after)
    if not outcome:
        return None
    exposed = isinstance(report, inputs.Exposed)
    began_ns = report.began_ns if isinstance(report, _BEGUN) else None
    origin_ns = before.timing.origin_ns
    started_s = math.nan if began_ns is None or origin_ns is None else (began_ns - origin_ns) * 1e-9
    return SettledEvent(
        event=event,
        outcome=outcome,
        exposure=exposure if exposed else None,
        started_s=started_s,
        predicted_s=predicted_s(),
        stimulus=stimulus if event.kind == "stimulus" else None,
        mask_is_older=before.mask == "older",
        focus_um=report.z_um if isinstance(report, inputs.Focused) else math.nan,
        ended_ns=report.now_ns if isinstance(report, inputs.Called) else -1,
        frames=after.counts.frames - before.counts.frames,
        is_done=after.counts.acquired > before.counts.acquired,
    )


def _outcome(before: Machine, after: Machine) -> str:
    if after.counts.acquired > before.counts.acquired:
        missed = after.counts.autofocuses.failed > before.counts.autofocuses.failed
        return "failed" if missed else "acquired"
    dropped = before.counts.dropped
    return next((why for why, count in after.counts.dropped.items() if count > dropped.get(why, 0)), "")


class LogWriter:
    """Writes the log of a run's events into its stream. Any thread, one at a time.

    Parameters
    ----------
    streams : Path
        Folder of the rig's streams.
    at : callable
        Takes the number of the event that is in hand next.
    log : logging.Logger
        Told of rows that found no room.

    Attributes
    ----------
    at : callable
        As given: to be called as soon as an event is settled, also if its row is written later.
    """

    def __init__(self, streams: Path, at: Callable[[int], None], log: logging.Logger) -> None:
        self._writer = StreamWriter(streams, STREAM, RowSpec.of(DTYPE), slots=_SLOTS)
        self.at, self._log = at, log

    def note(self, done: SettledEvent) -> None:
        """Write the row of an event; waits for nothing."""
        try:
            self._writer.write_rows(done.row, timeout_s=0.0)
        except StreamTimeoutError as error:
            self._log.error("event %d is not in the log: %s", done.event.number, error)

    def append(self, rows: NDArray[np.void]) -> None:
        """Write rows of earlier processes that are not in the log; waits for a recorder that is behind."""
        for first in range(0, len(rows), _AT_ONCE):
            try:
                self._writer.write_rows(rows[first : first + _AT_ONCE], timeout_s=_ROOM_S)
            except StreamTimeoutError as error:
                self._log.error("%d events are not in the log: %s", len(rows) - first, error)
                return

    def close(self) -> None:
        """End the stream."""
        self._writer.close()


def _number(value: float | None) -> float:
    return math.nan if value is None else value
