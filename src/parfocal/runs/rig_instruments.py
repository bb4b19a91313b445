"""The instruments of a rig, as one run uses them: services called by name, claimed, and lit on lease."""

from __future__ import annotations

import threading
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from parfocal.core.errors import BadInputError, CommandError, ParfocalError
from parfocal.runs.calling import InstrumentCalls
from parfocal.runs.camera_calls import CameraCalls
from parfocal.runs.camera_sequence import CameraSequence
from parfocal.runs.instruments import (
    AbortedError,
    AcquiredFrames,
    ExposedFrame,
    InstrumentRestartedError,
    RunStart,
    RunStorage,
)
from parfocal.runs.recording_calls import RecordingCalls
from parfocal.runs.ring_room import RingRoom
from parfocal.runs.run_light import RunLight
from parfocal.runs.stages import Stages, targets_of
from parfocal.runs.tracked import TrackedFrames

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable
    from pathlib import Path

    from parfocal.core.clock import Clock
    from parfocal.core.event_layout import EventLayout
    from parfocal.ipc import Client
    from parfocal.runs.counts import EventCounts
    from parfocal.runs.event import Event
    from parfocal.runs.settings import RunSettings
    from parfocal.runs.survey import PlanSurvey
    from parfocal.runs.tasks import Ending

_LOOK_S = 0.05


class SharedInstruments:
    """Which of the runs that share instruments used them last: what one knows of them is old after another.

    Attributes
    ----------
    lock : threading.RLock
        Held while one of them places or exposes.
    last : object
        Who did so last.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.last: object = None


class RigInstruments:
    """Satisfies `parfocal.runs.instruments.Instruments` with the services of a rig.

    Parameters
    ----------
    settings : RunSettings
        Which service plays which part.
    connect : callable
        Returns a client of a service; it is closed at the end of the run.
    restarts : callable
        Returns how often a service was started again.
    streams : Path
        Folder of the rig's streams.
    clock : Clock
        The time of the rig.
    log : logging.Logger
        Told what could not be brought back at the end.
    use : SharedInstruments, optional
        Of the run whose instruments it shares; it neither claims them nor records then.
    """

    def __init__(
        self,
        settings: RunSettings,
        connect: Callable[[str], Client],
        restarts: Callable[[str], int],
        streams: Path,
        clock: Clock,
        log: logging.Logger,
        *,
        use: SharedInstruments | None = None,
    ) -> None:
        self._settings, self._streams, self._clock, self._log = settings, streams, clock, log
        self._restarts = partial(restarts, settings.camera)
        self._is_child = use is not None
        self.use = use or SharedInstruments()
        self._calls = InstrumentCalls(
            connect,
            clock,
            answer_s=settings.answer_s,
            restart_s=settings.restart_s,
            on_lost=lambda _: self._forget(),
        )
        self._light = RunLight(self._calls, settings.channels, settings.lights)
        self._stages = Stages(self._calls, settings.xy, settings.z)
        self._camera = CameraCalls(self._calls, settings.camera)
        self._record: RecordingCalls | None = None
        self._layout: EventLayout | None = None
        self._changed: tuple[EventLayout | None, dict[str, Any]] | None = None
        self._sequence: CameraSequence | None = None
        self._tracked: TrackedFrames | None = None
        self._room: RingRoom | None = None
        self.found: dict[str, float] = {}
        self._opened = self._rested = False

    @property
    def names(self) -> tuple[str, ...]:
        """The services that the run claims."""
        chosen = self._settings
        parts = (chosen.camera, chosen.xy, chosen.z, chosen.channels, *chosen.lights, chosen.recorder)
        return tuple(dict.fromkeys(filter(None, parts)))

    @property
    def records(self) -> bool:
        """Whether the run has a record of its own."""
        return bool(self._settings.recorder) and not self._is_child

    def learn(self) -> dict[str, float]:
        """Ask what there is; return where the stages stand, um, which is `found` from then on."""
        self._light.learn()
        self.found = self._stages.learn()
        return self.found

    def discard(self) -> None:
        """Let go of the services; nothing was claimed yet."""
        self._calls.close()

    def check(self, wanted: PlanSurvey) -> None:
        """Refuse what the rig cannot do, before anything is touched.

        Raises
        ------
        BadInputError
            Naming the channel or the axis, and what there is.
        """
        if wanted.exposes or wanted.acquires:
            self._settings.service("camera", "exposures")
        for channel in sorted(wanted.channels):
            self._light.check(channel)
        for name, ends in wanted.reach.items():
            for target in ends:
                self._stages.check({name: target})

    def open(self, start: RunStart) -> str:
        """Claim everything, lease the light, note how it is set; begin the record and return its folder."""
        self._layout = None if self._is_child else start.layout  # a parent's record has no place for others
        if not self._is_child:
            for service in () if start.by_force else self.names:
                self._calls.claim(service, start.run)
        self._opened = True
        self._light.open(leased=not self._is_child)
        self._follow_frames()
        if self.records:
            self._room = RingRoom(self._streams, self._settings.camera, self._clock)
            client = self._calls.client(self._settings.recorder)
            self._record = RecordingCalls(client, self._settings.camera, self._clock)
            return self._record.begin(start)
        return ""

    def _follow_frames(self) -> None:
        """Get ready for the frames of this run, and know those that belong to none."""
        chosen = self._settings
        if not chosen.camera:
            return
        self._camera.open()
        camera = self._calls.client(chosen.camera)
        self._sequence = CameraSequence(
            camera, self._calls.aborted, self._restarts, self._clock, restart_s=chosen.restart_s
        )
        if chosen.tracker:
            self._tracked = TrackedFrames(camera, self._calls.client(chosen.tracker), self._clock)
            self._tracked.begin()

    def place(self, event: Event) -> None:
        """Bring stages and light path to where an event wants them, in the dark if anything moves."""
        with self.use.lock:
            self._tell_recorder()
            self._wait_for_room()
            self._take()
            self._light.renew()
            if self._stages.is_at(event) and self._light.is_set(event):
                return
            self._light.shade()
            self._stages.move(targets_of(event))
            self._light.set(event)

    def expose(self, event: Event) -> ExposedFrame:
        """Take the frame of an event, in its light."""
        with self.use.lock:
            if self.use.last is not self or self._light.renew():
                self.place(event)
            self._light.light_up()
            number = -1 if self._layout is None else self._layout.number_of(event.index)
            header = self._camera.snap(event, number, self._light.exposure_ms(event))
            if lost := self._light.renew():
                raise InstrumentRestartedError(f"{lost} ended during the exposure: it was dark", source=lost)
        at = self._stages.position
        return ExposedFrame(
            header=header, x_um=at.get("x"), y_um=at.get("y"), z_um=at.get("z"), power=self._light.power
        )

    def acquire(self, count: int | None) -> AcquiredFrames:
        """Have the camera run by itself, in the light as it is."""
        with self.use.lock:
            self._tell_recorder()
            self._light.light_up()
            assert self._sequence is not None, "a plan with frames is refused without a camera"
            return self._sequence.run(count)

    def ready(self) -> None:
        """Forget an earlier abort."""
        self._calls.ready()

    def abort(self) -> None:
        """End what is under way."""
        self._calls.abort()

    def shade(self, *, off: bool = False) -> None:
        """Hold the light back until the next exposure, or switch it off, unless it is another run's now."""
        with self.use.lock:
            if self._opened and self._is_own:
                (self._light.put_out if off else self._light.shade)()

    def dark(self) -> None:
        """Switch all light off, unless it is another run's now."""
        if self._opened and self._is_own:
            self._light.dark()

    def rest(self) -> None:
        """Bring everything back to how it was found, stages to their rest positions, the light off.

        What can't be brought back is logged, and the rest is brought back all the same.
        """
        if not self._opened or self._rested:
            return
        self._rested = True
        with self.use.lock:
            if self._is_own:
                self._bring_back()

    def _bring_back(self) -> None:
        targets = {**self.found, **self._settings.rest}
        self._attempt(self._light.close)
        self._attempt(lambda: self._stages.move(targets))
        if self._settings.camera:
            self._attempt(self._camera.close)

    def relayout(self, layout: EventLayout | None, plan: dict[str, Any]) -> None:
        """Take the layout of a plan that has changed; the next `place` tells the recorder."""
        self._changed = layout, plan

    def storage(self) -> RunStorage:
        """Return how far the record is."""
        if self._record is None:
            return RunStorage()
        return self._record.storage() if self._opened else self._record.final()

    def waits_for(self) -> str:
        """Return what is still to be tracked or stored of what was exposed; "" if nothing."""
        if self._tracked is not None and (behind := self._tracked.behind()):
            return f"{behind} frames to be tracked"
        behind = self.storage().behind
        return f"{behind} frames or rows to be stored" if behind else ""

    def close(self, ending: Ending, reason: str, counts: EventCounts) -> tuple[str, str]:
        """Close the record and let go of everything; return the outcome and the reason that it holds."""
        try:
            self.rest()
            if self._record is None or not self._record.folder:
                return outcome_without_record(ending, counts), reason
            losses, useless = self._of_tracker(ending)
            reason = "; ".join(filter(None, (reason, useless, *self._remarks())))
            return self._record.finish("failed" if useless else ending, reason, counts, losses)
        finally:
            self._leave()
            self._opened = False
            self._light.release()
            self._calls.close()

    def _tell_recorder(self) -> None:
        """Tell the recorder of a plan that has changed, now that nothing is exposed."""
        changed, self._changed = self._changed, None
        if changed is not None and self._record is not None:
            self._layout = changed[0]
            self._record.extend(*changed)

    def _of_tracker(self, ending: Ending) -> tuple[dict[str, int], str]:
        """Wait until each frame is tracked or given up; return what was, and why the rows are of no use."""
        tracked = self._tracked
        if tracked is None:
            return {}, ""
        while ending != "failed" and tracked.behind():
            self._clock.sleep(_LOOK_S)
        wanted = self._settings.need_usable_rows and ending == "complete"
        return tracked.ledger().closed().unfinished, tracked.uselessness() if wanted else ""

    def _wait_for_room(self) -> None:
        """Wait, in the shade, while too many frames wait for the disk: none may be lost for want of room."""
        if self._room is None or not self._room.is_short():
            return
        self._light.shade()
        if not self._room.wait(self._calls.aborted):
            raise AbortedError("aborted while the run waited for the disk")

    def _remarks(self) -> list[str]:
        return [] if self._sequence is None else self._sequence.remarks

    @property
    def _is_own(self) -> bool:
        """Whether it was this run that used the instruments last."""
        return self.use.last is self or (self.use.last is None and not self._is_child)

    def _leave(self) -> None:
        """Leave the instruments to whoever shares them."""
        with self.use.lock:
            if self.use.last is self:
                self.use.last = None

    def _take(self) -> None:
        if self.use.last is not self:
            self._light.forget()
            self._stages.forget()
            self.use.last = self

    def _forget(self) -> None:
        """Switch the light off, and hold nothing for known: an instrument has ended."""
        self.dark()
        self._stages.forget()

    def _attempt(self, bring_back: Callable[[], None]) -> None:
        with suppress(ParfocalError):
            try:
                bring_back()
            except (CommandError, BadInputError) as error:
                self._log.error("at the end of the run: %s", error)
                raise


def outcome_without_record(ending: Ending, counts: EventCounts) -> str:
    """Return how a run ended that nobody records, in the words of a recorder.

    Examples
    --------
    >>> from parfocal.runs.counts import EventCounts
    >>> lossy = EventCounts(dropped={"lost": 2})
    >>> outcome_without_record("complete", lossy), outcome_without_record("cancelled", lossy)
    ('incomplete: lost 2', 'cancelled')
    """
    cut_short = ending in ("cancelled", "failed")
    return f"incomplete: lost {counts.lost}" if counts.lost and not cut_short else ending
