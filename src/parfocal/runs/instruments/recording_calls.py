"""The record of a run, as its recorder keeps it: begun, watched, and closed with the true outcome."""

from __future__ import annotations

from functools import partial
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any, TypeVar

from parfocal.core.clock import poll_until
from parfocal.core.errors import CommandError, DeadlineError, ServiceUnavailableError
from parfocal.core.run_status import QueueDepth
from parfocal.runs.instruments.calling import answers, once_there
from parfocal.runs.instruments.instruments import RunStart, RunStorage, RunStreams

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from parfocal.core.clock import Clock
    from parfocal.core.event_layout import EventLayout
    from parfocal.core.run_status import RunCommand, RunErrors
    from parfocal.ipc import Client
    from parfocal.runs.machine.counts import EventCounts
    from parfocal.runs.machine.tasks import Ending

_BEGIN_S = 30.0
_ANSWER_S = 2.0
_BACK_S = 30.0
TOLD_BY_RECORDER = ("recorder", "StorageError")
"""Source and type of errors that the recorder has told: its record has them already."""

_T = TypeVar("_T")


class RecordingCalls:
    """Has a recorder record one run. Any thread, but `begin` and `finish`.

    Parameters
    ----------
    client : Client
        Of the recorder.
    camera : str
        The stream whose frames are those of the run's events.
    clock : Clock
        Of the limits.

    Attributes
    ----------
    folder : str
        Of the record, once it has begun.
    """

    def __init__(self, client: Client, camera: str, clock: Clock) -> None:
        self._client, self._camera, self._clock = client, camera, clock
        self._known = RunStorage()
        self._final: RunStorage | None = None
        self._analysis: RunStreams | None = None
        self._recovers = False
        self.folder = ""

    def begin(
        self,
        start: RunStart,
        frames: tuple[str, ...] | None = None,
        rows: tuple[str, ...] = (),
        without: tuple[str, ...] = (),
        numbered: tuple[str, ...] = (),
    ) -> str:
        """Begin the record of a run, or go on with that of the run which it continues; return its folder.

        A recorder that ends meanwhile is waited for: it may have begun, and then its next process goes on.

        Parameters
        ----------
        start : RunStart
            The run.
        frames : tuple of str or None
            Streams of frames in place of those of the recorder's settings.
        rows, without : tuple of str
            Further streams of rows; and streams that are left out.
        numbered : tuple of str
            Streams of frames that have the camera's numbers.
        """
        self._analysis, self._recovers = start.analysis, start.recovers
        analysis = start.analysis
        ask = partial(
            self._client.call,
            "start",
            name=start.run,
            plan=start.plan,
            plan_notes=start.notes,
            settings=start.settings,
            events=self._events(start.layout) | ({} if analysis is None else analysis.frames),
            frames=frames,
            without=without,
            numbered_by=dict.fromkeys(numbered, self._camera),
            rows=(*start.rows, *rows, *(() if analysis is None else analysis.rows)),
            blocking=() if analysis is None else analysis.blocking,
            folder=start.folder,
            continues=start.continues,
            recovers=start.recovers,
            timeout_s=_BEGIN_S,
        )
        self.folder = self._once_there(ask, self._taken_up)
        return self.folder

    def _taken_up(self) -> str | None:
        """Return the folder of the run that the recorder goes on with; None if it records none."""
        status = self._client.call("status", timeout_s=_ANSWER_S)
        return status["run"] if status["outcome"] == "recording" else None

    def extend(self, layout: EventLayout | None, plan: dict[str, Any]) -> None:
        """Have it go on with a plan that has changed. Nothing may be exposed meanwhile."""
        grown = self._events(layout)
        if layout is None or self._analysis is None:
            self._once_there(lambda: self._client.call("extend", grown, plan, timeout_s=_BEGIN_S))
            return
        with self._analysis.relayout(layout) as analysed:
            self._once_there(lambda: self._client.call("extend", grown | analysed, plan, timeout_s=_BEGIN_S))

    def retake(self, numbers: Sequence[int]) -> None:
        """Have the next frames of events, by their numbers, be kept in place of those before."""
        self._once_there(
            lambda: self._client.call("retake", self._camera, tuple(numbers), timeout_s=_BEGIN_S)
        )

    def keep_commands(self, commands: tuple[RunCommand, ...], *, patiently: bool) -> None:
        """Have it hold what was asked of the run; `patiently` waits for a recorder that is started again.

        Raises
        ------
        CommandError
            If the recorder is not there, or can't write its record. It may be given the same again.
        """
        keep = partial(self._client.call, "keep_commands", commands, self.folder)
        if patiently:
            self._once_there(lambda: keep(timeout_s=_BEGIN_S))
        else:
            keep(timeout_s=_ANSWER_S)

    def storage(self) -> RunStorage:
        """Return how far it is; while the recorder is busy, or is started again, how far it was.

        Raises
        ------
        CommandError
            If the recorder has ended the run by itself; says why, unless it was started again since.
        """
        if not self.folder:
            return self._known
        try:
            status = self._client.call("status", timeout_s=_ANSWER_S)
        except (ServiceUnavailableError, DeadlineError):
            return self._known
        if not status["run"]:  # its next process takes a run up before it answers
            raise CommandError(
                "the recorder was started again, and does not record the run any more: its record tells why",
                service=self._client.service,
            )
        if status["run"] != self.folder:  # of a run that began after the end of this one
            return self._known
        queues = {
            name: QueueDepth(depth=one["behind"], maximum=one["slots"])
            for name, one in status["streams"].items()
        }
        frames = status["streams"].get(self._camera, {"stored": 0})
        self._known = RunStorage(stored=frames["stored"], errors=tuple(status["errors"]), queues=queues)
        if status["outcome"] != "recording":
            raise CommandError(
                f"the recorder ended the run: {status['outcome']}: {status['reason']}",
                service=self._client.service,
            )
        return self._known

    def finish(
        self, ending: Ending, reason: str, counts: EventCounts, losses: dict[str, int]
    ) -> tuple[str, str]:
        """Close the record, however long the disk takes; return the outcome and the reason that it holds.

        `losses` are what never came to a recorded stream and no service tells of, by reason. A recorder that
        was started again has taken the run up, and closes it, or tells how the process before has done so.

        Raises
        ------
        CommandError
            If the recorder does not come back, or cannot close it.
        """
        if ending in ("complete", "finished early"):
            reason = "; ".join(filter(None, (reason, *told(counts))))
        unwritten = {} if self._analysis is None else self._analysis.losses
        lost = losses | unwritten | counts.unframed
        options: dict[str, Any] = {"outcome": ending, "reason": reason, "losses": lost, "run": self.folder}
        if errors := error_lines(counts.errors):
            options["errors"] = errors
        if counts.asked or self._recovers:
            options["asked"] = {self._camera: counts.asked}
        elif ending == "complete":
            options["missing"] = 0
        report = self._once_there(lambda: self._client.call("finish", **options))
        self._final = RunStorage(stored=report["stored"].get(self._camera, 0))
        return report["outcome"], report["reason"]

    def final(self) -> RunStorage:
        """Return what is stored, after `finish`; as far as it is known if that failed.

        An answer of `storage` that was asked for before, and is late, is another word.
        """
        return self._final or self._known

    def _events(self, layout: EventLayout | None) -> dict[str, EventLayout]:
        return {} if layout is None else {self._camera: layout}

    def _once_there(self, call: Callable[[], _T], done: Callable[[], _T | None] = lambda: None) -> _T:
        """Call the recorder, and again when it is back, if it ended meanwhile and has not `done` it."""

        def again() -> _T:
            return done() or call()

        asks = chain((call,), repeat(again))
        return once_there(lambda: next(asks)(), self._is_back)

    def _is_back(self) -> bool:
        return poll_until(lambda: answers(self._client, _ANSWER_S), _BACK_S, clock=self._clock)


def told(counts: EventCounts) -> tuple[str, ...]:
    """Return what became of the events that were not acquired, in words.

    Examples
    --------
    >>> from parfocal.runs.machine.counts import EventCounts
    >>> told(EventCounts(dropped={"lost": 1, "skipped": 4}))
    ('1 lost', '4 skipped')
    """
    return tuple(f"{count} {why}" for why, count in counts.dropped.items())


def error_lines(errors: RunErrors) -> tuple[str, ...]:
    """Return what went wrong in a run, a line for each error, but for those that the recorder has told.

    Examples
    --------
    >>> from parfocal.core.run_status import RunError, RunErrors
    >>> late = RunError(source="pipeline", type="StepError", message="no cells", event=7)
    >>> error_lines(RunErrors(count=12, last=(late,)))
    ('event 7: pipeline: StepError: no cells', '12 errors in all: the last ones are here')
    """
    lines = [
        f"{f'event {one.event}: ' if one.event >= 0 else ''}{one.source}: {one.type}: {one.message}"
        for one in errors.last
        if (one.source, one.type) != TOLD_BY_RECORDER
    ]
    if errors.count > len(errors.last):
        lines.append(f"{errors.count} errors in all: the last ones are here")
    return tuple(lines)
