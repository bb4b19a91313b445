"""Instruments of a run without any process: they obey a clock, note what is done, and fail when told."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from parfocal.core.errors import (
    BadInputError,
    CommandFailedError,
    FocusNotFoundError,
    FrameLostError,
    ServiceUnavailableError,
)
from parfocal.core.frames import FrameHeader
from parfocal.core.modulation import shown_mask
from parfocal.runs.forecast.device_times import PlacedParts
from parfocal.runs.instruments.instruments import (
    AbortedError,
    AcquiredFrames,
    CalledService,
    EventProgress,
    ExposedFrame,
    FiredStimulus,
    InstrumentRestartedError,
    Interfered,
    RunStart,
    RunStorage,
    StimulusMask,
)

if TYPE_CHECKING:
    from parfocal.core.clock import Clock
    from parfocal.core.event_layout import EventLayout
    from parfocal.core.run_status import QueueDepth, RunCommand
    from parfocal.runs.machine.counts import EventCounts
    from parfocal.runs.machine.tasks import Ending
    from parfocal.runs.plans.event import Event
    from parfocal.runs.plans.service_call import ServiceCall


class MemoryInstruments:
    """Satisfies `parfocal.runs.instruments.instruments.Instruments` in memory.

    Parameters
    ----------
    clock : Clock
        Exposures and moves last on it.
    exposure_s : float
        Of events that ask for none.
    move_s : float
        How long a placing lasts.
    folder : str
        Of the record, as `open` tells it; "" if there is none.

    Attributes
    ----------
    exposed : list of tuple
        Number and start (seconds on the clock) of each exposure that was begun.
    stimulated : list of tuple
        Number of each stimulus that was fired with a mask, and the mask.
    done : list of str
        Everything that was asked of them, in order.
    lit : bool
        Whether the light is on.
    faults : dict of int to str
        For events, by number, what goes wrong once: "lost", "failed", "restarted", "restarted in place", "no
        focus".
    focus_um : callable
        Returns where the focus is for an autofocus, um; by default where it looks from.
    z_um : dict of int to float or None
        Where the stage was for each exposure, by the event's number.
    on_expose : callable
        Called with each event in the run's thread when its exposure has begun.
    behind : int
        How many frames wait to be stored; a test sets it.
    commands : tuple of RunCommand
        What was asked of the run, as its record would hold it.
    recorder_is_away : bool
        Whether nobody takes commands who is not patient; a test sets it.
    """

    names: tuple[str, ...] = ("camera",)

    def __init__(
        self, clock: Clock, *, exposure_s: float = 0.01, move_s: float = 0.0, folder: str = ""
    ) -> None:
        self._clock, self._exposure_s, self._move_s, self._folder = clock, exposure_s, move_s, folder
        self.exposed: list[tuple[int, float]] = []
        self.stimulated: list[tuple[int, StimulusMask]] = []
        self.done: list[str] = []
        self.lit = False
        self.faults: dict[int, str] = {}
        self.on_expose: Callable[[Event], None] = lambda _: None
        self.focus_um: Callable[[Event], float] = lambda event: event.z_um or 0.0
        self.z_um: dict[int, float | None] = {}
        self.behind = 0
        self.commands: tuple[RunCommand, ...] = ()
        self.recorder_is_away = False
        self.claimed = False
        self.holds_call = False
        self.interfered: Interfered = lambda *_: None
        self._aborted = threading.Event()

    def look_ahead(self, events: Callable[[int], Iterator[Event]]) -> None:
        """Take each event by itself."""

    def when_interfered(self, heard: Interfered) -> None:
        """Keep whom to tell of what others do."""
        self.interfered = heard

    def open(self, opening: RunStart) -> str:
        """Claim."""
        if self.claimed:
            raise BadInputError("these instruments are claimed already")
        self.claimed = True
        self.done.append(f"open {opening.run}")
        return self._folder

    def place(self, event: Event) -> PlacedParts:
        """Take the time of a move."""
        began_ns = self._clock.monotonic_ns()
        self._meet(event, "restarted in place")
        if self._clock.wait(self._aborted, self._move_s) or self._aborted.is_set():
            raise AbortedError("the move was aborted")
        return PlacedParts(move_s=(self._clock.monotonic_ns() - began_ns) * 1e-9)

    def expose(self, event: Event, following: Event | None = None) -> ExposedFrame:
        """Take the time of an exposure, in the light."""
        del following  # it waits to be placed
        began_ns = self._clock.monotonic_ns()
        self.exposed.append((event.number, began_ns * 1e-9))
        self.z_um[event.number] = event.z_um
        self.lit = True
        self.on_expose(event)
        exposure_s = self._exposure_s if event.exposure_ms is None else event.exposure_ms * 1e-3
        if self._clock.wait(self._aborted, exposure_s) or self._aborted.is_set():
            raise AbortedError("the exposure was aborted")
        self._meet(event, "lost", "failed", "restarted")
        end_ns = self._clock.monotonic_ns()
        frame = len(self.exposed) - 1
        header = FrameHeader(frame=frame, time_ns=end_ns, exposure_ns=end_ns - began_ns, event=event.number)
        return ExposedFrame(header=header)

    def prepare(self, mask: StimulusMask) -> None:
        """Nothing has to be made ready."""

    def stimulate(self, event: Event, mask: StimulusMask | None) -> FiredStimulus:
        """Take the time of an exposure, in the light of a mask, or in that of the whole field."""
        shown = None if mask is None else shown_mask(mask.mask, self._clock.monotonic_ns())
        exposed = self.expose(event)
        if mask is not None:
            self.stimulated.append((event.number, mask))
        return FiredStimulus(
            exposed=exposed,
            shown=shown,
            shutter=None,
            fired_ns=exposed.header.time_ns - exposed.header.exposure_ns,
        )

    def focus(self, event: Event) -> float:
        """Take the time of an exposure for each plane, and tell where the focus is, if it is among them."""
        assert event.autofocus is not None
        assert event.z_um is not None
        self.lit = True
        self.on_expose(event)
        exposure_s = self._exposure_s if event.exposure_ms is None else event.exposure_ms * 1e-3
        for _ in range(event.autofocus.count):
            if self._clock.wait(self._aborted, exposure_s) or self._aborted.is_set():
                raise AbortedError("the autofocus was aborted")
        self._meet(event, "lost", "failed", "restarted", "no focus")
        focus_um = self.focus_um(event)
        if abs(focus_um - event.z_um) > event.autofocus.reach_um:
            raise FocusNotFoundError(f"the focus is beyond the planes around {event.z_um:g} um")
        self.lit = False
        return focus_um

    def acquire(self, count: int | None, duration_s: float | None = None) -> AcquiredFrames:
        """Count frames until there are enough, or until it is aborted."""
        began_ns = self._clock.monotonic_ns()
        frames = 0
        wanted = count if duration_s is None else round(duration_s / self._exposure_s)
        while frames != wanted and not self._clock.wait(self._aborted, self._exposure_s):
            frames += 1
        return AcquiredFrames(frames=frames, whole=frames == wanted, began_ns=began_ns)

    def call(self, asked: ServiceCall) -> CalledService:
        """Take the ``seconds`` among its arguments, but for those in which it is held; return them."""
        began_ns = self._clock.monotonic_ns()
        self.done.append(f"call {asked.name}")
        left_s = float(asked.arguments.get("seconds", 0.0))
        while left_s > 0:
            if self._clock.wait(self._aborted, self._exposure_s) or self._aborted.is_set():
                return CalledService(
                    began_ns=began_ns, frames=0, outcome="cancelled", error=AbortedError("aborted")
                )
            left_s -= 0.0 if self.holds_call else self._exposure_s
        if asked.arguments.get("fails"):
            error = CommandFailedError(f"{asked.name} failed", service=asked.service, command=asked.command)
            return CalledService(began_ns=began_ns, frames=0, outcome="failed", error=error)
        return CalledService(began_ns=began_ns, frames=0, outcome="acquired", result=asked.arguments)

    def hold_call(self) -> None:
        """Have the call last."""
        self.holds_call = True

    def release_call(self) -> None:
        """Have the call go on."""
        self.holds_call = False

    def progress(self) -> EventProgress:
        """Return nothing."""
        return EventProgress()

    def ready(self) -> None:
        """Forget an abort."""
        self._aborted.clear()
        self.holds_call = False

    def abort(self) -> None:
        """End what lasts."""
        self._aborted.set()

    def cut(self) -> None:
        """Do nothing: each event is exposed by itself."""

    def shade(self, *, off: bool = False) -> None:
        """Switch the light off until the next exposure."""
        del off
        self.lit = False

    def dark(self) -> None:
        """Switch the light off."""
        self.lit = False

    def rest(self) -> None:
        """Note it."""
        self.done.append("rest")

    def keep_commands(self, commands: tuple[RunCommand, ...], *, patiently: bool = False) -> None:
        """Keep them, unless the recorder is away."""
        if self.recorder_is_away and not patiently:
            raise ServiceUnavailableError("the recorder is started again", service="recorder")
        self.commands += commands

    def storage(self) -> RunStorage:
        """Return what waits."""
        from parfocal.core.run_status import QueueDepth

        queues: dict[str, QueueDepth] = {"camera": QueueDepth(depth=self.behind)}
        return RunStorage(stored=len(self.exposed) - self.behind, queues=queues)

    def relayout(self, layout: EventLayout | None, plan: dict[str, Any]) -> None:
        """Note it."""
        del plan
        self.done.append(f"relayout {None if layout is None else layout.sizes}")

    def waits_for(self) -> str:
        """Return what waits."""
        return f"{self.behind} frames to be stored" if self.behind else ""

    def close(self, ending: Ending, reason: str, counts: EventCounts) -> tuple[str, str]:
        """Let go; return how it ended as a recorder would."""
        self.claimed = False
        self.done.append(f"close {ending}")
        lost = counts.lost
        kept = ending in ("cancelled", "failed") or not lost
        return (ending if kept else f"incomplete: lost {lost}"), reason

    def _meet(self, event: Event, *kinds: str) -> None:
        """Fail as it was told to, once."""
        kind = self.faults.get(event.number, "")
        if kind not in kinds:
            return
        del self.faults[event.number]
        if kind == "lost":
            raise FrameLostError("the frame never came", frame=len(self.exposed) - 1)
        if kind == "no focus":
            raise FocusNotFoundError("no plane stands out as sharp")
        if kind == "failed":
            raise CommandFailedError("camera.snap failed", service="camera", command="snap")
        raise InstrumentRestartedError("camera ended with exit code -9", source="camera")
