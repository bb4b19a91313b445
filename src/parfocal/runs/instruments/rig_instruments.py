"""The instruments of a rig, as one run uses them: services called by name, claimed, and lit on lease."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from parfocal.core.errors import FocusNotFoundError, FrameLostError, ParfocalError
from parfocal.runs.forecast.device_times import PlacedParts
from parfocal.runs.instruments.calling import InstrumentCalls, done_again
from parfocal.runs.instruments.exposing import EventExposure
from parfocal.runs.instruments.focus_sweep import find_focus
from parfocal.runs.instruments.kept_light import KeptLight
from parfocal.runs.instruments.learning import declared_times, learn_facts
from parfocal.runs.instruments.parts import instrument_parts
from parfocal.runs.instruments.rig_facts import RigFacts
from parfocal.runs.instruments.run_frames import RunFrames
from parfocal.runs.instruments.sequenced_events import sequences_text
from parfocal.runs.instruments.shared_instruments import SharedInstruments

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from parfocal.core.clock import Clock
    from parfocal.core.event_layout import EventLayout
    from parfocal.core.frames import FrameHeader
    from parfocal.core.messages import Interference
    from parfocal.core.run_status import RunCommand
    from parfocal.ipc import Client
    from parfocal.runs.acquisition_mode import AcquisitionMode
    from parfocal.runs.forecast.device_times import DeviceTimes
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
    from parfocal.runs.machine.counts import EventCounts
    from parfocal.runs.machine.tasks import Ending
    from parfocal.runs.plans.event import Event
    from parfocal.runs.plans.service_call import ServiceCall
    from parfocal.runs.settings import RunSettings


class RigInstruments:
    """Satisfies `parfocal.runs.instruments.instruments.Instruments` with the services of a rig.

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
    asked : tuple of ServiceCall
        What services are to carry out.
    use : SharedInstruments, optional
        Of the run, or the script, whose instruments it shares; it does not claim those.
    is_part : bool
        Whether it is a part of another run, which records, and keeps the light.
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
        asked: tuple[ServiceCall, ...] = (),
        use: SharedInstruments | None = None,
        is_part: bool = False,
    ) -> None:
        self._settings, self._clock, self._log = settings, clock, log
        self._asked, self._held = asked, list[str]()
        self._is_part = is_part
        self.use = use or SharedInstruments()
        self._calls = InstrumentCalls(
            connect,
            clock,
            answer_s=settings.answer_s,
            restart_s=settings.restart_s,
            on_lost=lambda _: self._forget(),
        )
        self._parts = instrument_parts(settings, self._calls, self.use, clock, log)
        self._camera, self._stages, self._light = self._parts.camera, self._parts.stages, self._parts.light
        self._sequences, self._services = self._parts.sequences, self._parts.services
        self._frames = RunFrames(settings, self._calls, restarts, streams, clock, records=self.records)
        self._exposure = EventExposure(self._parts, self._frames.number_of, self._frames.retake)
        self.facts = RigFacts()
        self._streams = streams
        self._opened = self._rested = False
        self._interfered: Interfered = lambda *_: None

    @property
    def names(self) -> tuple[str, ...]:
        """The services that the run claims."""
        chosen = self._settings
        stages = (chosen.camera, chosen.xy, chosen.z)
        light = (chosen.channels, *chosen.lights, chosen.modulator)
        called = (name for asked in self._asked for name in asked.services)
        return tuple(dict.fromkeys(filter(None, (*stages, *light, chosen.recorder, *called))))

    @property
    def records(self) -> bool:
        """Whether the run has a record of its own."""
        return bool(self._settings.recorder) and not self._is_part

    def learn(self, folder: str = "", mode: AcquisitionMode | None = None) -> RigFacts:
        """Ask what there is; return that, which is `facts` from then on.

        The record would be in `folder`, and hold what an acquisition of that `mode` does.
        """
        self.facts = done_again(
            lambda: learn_facts(
                self._parts, self._streams, self._asked, mode, folder=folder, records=self.records
            )
        )
        return self.facts

    def problems(self, asked: tuple[ServiceCall, ...]) -> tuple[str, ...]:
        """Return what is wrong with calls that are added to those of the run, in words."""
        held = set(self.names)
        beyond = {name: one.name for one in asked for name in one.services if name not in held}
        told = (f"{call}: the run does not hold service {name!r}" for name, call in beyond.items())
        return (*told, *self._services.problems(asked))

    @property
    def camera_kept_as(self) -> str:
        """Under which name measured times of the camera are kept: they are of frames of that shape."""
        return f"{self._settings.camera} {self.facts.frame}"

    def declared_times(self, *, with_calls: bool = True) -> DeviceTimes:
        """Return how long they take, as they declare it; `with_calls` tries how long calls to them take."""
        return done_again(lambda: declared_times(self._parts, self.camera_kept_as, with_calls=with_calls))

    def discard(self) -> None:
        """Let go of the services; nothing was claimed yet."""
        self._calls.close()

    def when_interfered(self, heard: Interfered) -> None:
        """Have `heard` called with what others do to the instruments that are claimed."""
        self._interfered = heard

    def look_ahead(self, events: Callable[[int], Iterator[Event]]) -> None:
        """Take what returns the events of the run from a number on."""
        self._exposure.look_ahead = events

    def _heard(self, service: str, what: Interference) -> None:
        stops_camera = service == self._settings.camera and what.command in ("stop", "stop_sequence")
        stopped = f"the camera was stopped from outside by {what.caller}" if stops_camera else ""
        if stops_camera:
            self._camera.others_stopped_it()
        self.use.untouched = False
        self._interfered(f"{service}.{what.command}", what.caller, stopped)

    def open(self, start: RunStart) -> str:
        """Claim everything, lease the light, note how it is set; begin the record and return its folder."""
        for service in self.names:
            with self.use.claiming:
                if service not in self.use.held:
                    self._hold(service, start)
        self._opened = True
        self._light.open(leased=not self._is_part)
        if self._settings.camera:
            self._camera.open()
        return self._frames.open(start)

    def _hold(self, service: str, start: RunStart) -> None:
        """Claim a service, unless that is forced, for this run and those that share its instruments."""
        if start.by_force:
            self.use.forced = True
        else:
            self._calls.claim(service, start.run, partial(self._heard, service))
        self.use.held.add(service)
        self._held.append(service)

    def place(self, event: Event) -> PlacedParts:
        """Bring stages and light path to where an event wants them, at once, in the dark if anything moves.

        A light path goes dark by itself before it changes.
        """
        with self.use.lock:
            self._frames.tell_changes()
            if self._sequences.has(event):
                return PlacedParts()
            if self._frames.is_short_of_room():
                self._light.shade()
                self._frames.wait_for_room()
            self._take()
            self._light.renew()
            self._stages.renew()
            moves, switches = not self._stages.is_at(event), not self._light.is_set(event)
            if not moves and not switches:
                return PlacedParts()
            shades = moves and self._light.is_held_open
            shade_s = self._seconds_of(self._light.shade) if shades else 0.0
            with self._light.setting(event):
                move_s = self._seconds_of(lambda: self._stages.move(event.targets_um))
        return PlacedParts(
            shade_s=shade_s if shades else None,
            move_s=move_s if moves else None,
            switch_s=self._light.set_within_s,
        )

    def expose(self, event: Event, following: Event | None = None) -> ExposedFrame:
        """Take the frame of an event, in its light.

        Then the light path begins to change to what the next event wants, unless a stage moves as well.
        """
        with self.use.lock:
            if self._sequences.has(event):
                exposed = self._exposure.sequenced(event)
            else:
                self._check_placed(event)
                exposed = self._exposure.expose(event, following)
            if following is not None:
                self._go_on_to(following)
        return exposed

    def _go_on_to(self, event: Event) -> None:
        """Have the light path begin to change to what an event wants, unless a stage moves as well.

        Not if another run has used the instruments since: of a sequence only the first frame is exposed now.
        """
        is_mine = self.use.last is self and not self._sequences.has(event)
        if is_mine and event.is_placed and self._stages.is_at(event):
            self._light.begin(event)

    def sequences_text(self, events: Iterable[Event], usual_ms: float) -> str:
        """Return in words which of some events the instruments would take by themselves; "" if none.

        `usual_ms` is the exposure of an event that asks for none.
        """
        exposures_ms = self._light.exposure_ms
        return sequences_text(
            events,
            lambda event: usual_ms if (own_ms := exposures_ms(event)) is None else own_ms,
            self._sequences.limits,
        )

    def _check_placed(self, event: Event) -> None:
        """Place an event again if others have used the instruments, or a light or a stage was lost."""
        lost = (self._light.renew(), self._stages.renew())
        if self.use.last is not self or any(lost):
            self.place(event)

    def prepare(self, mask: StimulusMask) -> None:
        """Have the modulator make ready what it takes to show a mask."""
        if self._settings.modulator:
            self._parts.modulator.prepare(mask.packed)

    def stimulate(self, event: Event, mask: StimulusMask | None) -> FiredStimulus:
        """Show the mask, light it as a stimulus asks, and take its frame; read back what there was."""
        packed = None
        if mask is not None:
            self._settings.service("modulator", "masks")
            packed = mask.packed
        with self.use.lock:
            self._check_placed(event)
            return self._exposure.stimulate(event, packed)

    def focus(self, event: Event) -> float:
        """Look for the focus around where an autofocus wants it; return its height, where z stands then."""
        with self.use.lock:
            try:
                z_um = find_focus(
                    event,
                    self.facts.axes["z"],
                    self._look,
                    self._streams,
                    self._settings.camera,
                )
            except (FocusNotFoundError, FrameLostError):
                self._light.shade()
                self.place(event)
                raise
            self._light.shade()
            self.place(replace(event, z_um=z_um))
            return z_um

    def _look(self, event: Event) -> FrameHeader:
        """Take a frame at the height of an event that is for none."""
        self.place(event)
        return self._exposure.for_no_event(event)

    def acquire(self, count: int | None, duration_s: float | None = None) -> AcquiredFrames:
        """Have the camera run by itself, in the light as it is; if that is made safe, it is set again."""
        with self.use.lock:
            keep = self._begin_acquiring()
            return self._frames.acquire(count, duration_s, keep=keep)

    def call(self, asked: ServiceCall) -> CalledService:
        """Have a service carry out a command, with the camera running in the light as it is, if wanted."""
        try:
            return self._called(asked)
        finally:  # it may have moved anything, and set what it was said to use
            self._stages.forget()
            chosen = self._settings
            if not {chosen.channels, *chosen.lights, chosen.modulator}.isdisjoint(asked.services):
                self._light.doubt()
                self.use.untouched = False

    def _called(self, asked: ServiceCall) -> CalledService:
        if not asked.exposing:
            return self._services.run(asked)
        with self.use.lock:
            keep = self._begin_acquiring()
            return self._services.run(asked, partial(self._frames.expose_until, keep=keep))

    def _begin_acquiring(self) -> Callable[[], str]:
        """Have stages and light as they were; return what sees to that meanwhile, and returns a remark."""
        self._frames.tell_changes()
        self._stages.renew()
        if self._stages.is_astray:
            self._light.shade()
            self._stages.move({})
        self._exposure.light_up()
        light = KeptLight(self._light)

        def keep() -> str:
            ended = self._stages.renew()
            told = f"{ended} was started again in the middle: frames after that may be of another place"
            return "; ".join(filter(None, (light.bring_back(), told if ended else "")))

        return keep

    def hold_call(self) -> None:
        """Have the service hold what it carries out."""
        self._services.hold()

    def release_call(self) -> None:
        """Have the service go on with what it holds."""
        self._services.release()

    def progress(self) -> EventProgress:
        """Return how far an acquisition or a call is."""
        return self._services.progress() or self._frames.progress()

    def ready(self) -> None:
        """Forget an earlier abort, and an earlier wish to hold."""
        self._calls.ready()
        self._services.ready()
        self._sequences.ready()

    def abort(self) -> None:
        """End what is under way."""
        self._calls.abort()

    def cut(self) -> None:
        """Have a sequence of images end with the exposure under way."""
        self._sequences.cut()

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
        targets = {**self.facts.found, **self._settings.rest}
        self._attempt(self._light.close)
        self._stages.renew()
        self._attempt(lambda: self._stages.move(targets))
        if self._settings.camera:
            self._attempt(self._camera.close)

    def relayout(self, layout: EventLayout | None, plan: dict[str, Any]) -> None:
        """Take the layout of a plan that has changed; the next `place` tells the recorder."""
        self._frames.relayout(layout, plan)

    def keep_commands(self, commands: tuple[RunCommand, ...], *, patiently: bool = False) -> None:
        """Have the record hold what was asked of the run, if it has one."""
        self._frames.keep_commands(commands, patiently=patiently)

    def storage(self) -> RunStorage:
        """Return how far the record is."""
        return self._frames.storage()

    def waits_for(self) -> str:
        """Return what is still to be tracked or stored of what was exposed; "" if nothing."""
        return self._frames.waits_for()

    def close(self, ending: Ending, reason: str, counts: EventCounts) -> tuple[str, str]:
        """Close the record and let go of everything; return the outcome and the reason that it holds."""
        try:
            self.rest()
            reason = "; ".join(filter(None, (reason, self._sequences.remark())))
            return self._frames.close(ending, reason, counts)
        finally:
            self._attempt(self._camera.go_on_live)
            self._leave()
            self._opened = False
            self._light.release()
            with self.use.claiming:
                self.use.held.difference_update(self._held)
                self._calls.close()

    @property
    def _is_own(self) -> bool:
        """Whether it was this run that used the instruments last."""
        return self.use.last is self or (self.use.last is None and not self._is_part)

    def _leave(self) -> None:
        """Leave the instruments to whoever shares them."""
        with self.use.lock:
            if self.use.last is self:
                self.use.last = None

    def _take(self) -> None:
        if self.use.last is not self:
            self._light.forget()
            (self._stages.doubt if self._is_own else self._stages.forget)()
            self.use.last = self

    def _forget(self) -> None:
        """Switch the light off, and hold nothing for known: an instrument has ended."""
        self.dark()
        self._stages.doubt()

    def _seconds_of(self, act: Callable[[], None]) -> float:
        """Do something; return how long it took."""
        began_ns = self._clock.monotonic_ns()
        act()
        return (self._clock.monotonic_ns() - began_ns) * 1e-9

    def _attempt(self, bring_back: Callable[[], None]) -> None:
        try:
            done_again(bring_back)
        except ParfocalError as error:
            self._log.error("at the end of the run: %s", error)
