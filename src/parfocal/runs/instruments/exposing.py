"""Has frames taken in the light of their events, once stages and light path are where they are to be."""

from __future__ import annotations

import dataclasses
from itertools import chain
from typing import TYPE_CHECKING

from parfocal.runs.instruments.instruments import (
    AbortedError,
    ExposedFrame,
    FiredStimulus,
    InstrumentRestartedError,
)
from parfocal.runs.instruments.sequenced_events import sequences_of
from parfocal.runs.plans.event import is_stimulus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from parfocal.core.frames import FrameHeader
    from parfocal.core.modulation import PackedMask
    from parfocal.runs.instruments.parts import InstrumentParts
    from parfocal.runs.plans.event import Event

_NO_EVENT = -1
"""Number of a frame that is for no event."""


class EventExposure:
    """Exposes for events, one by one or several in a sequence. One thread at a time.

    Parameters
    ----------
    parts : InstrumentParts
        Those of the run.
    number_of : callable
        Returns the number by which the header of a frame names its event.
    retake : callable
        Called with the numbers of events whose frames, if there are any, are not as they were to be, before
        they are taken again.

    Attributes
    ----------
    look_ahead : callable
        Returns the events of the run from a number on, so that several may be taken as one.
    """

    def __init__(
        self,
        parts: InstrumentParts,
        number_of: Callable[[Event], int],
        retake: Callable[[Sequence[int]], None],
    ) -> None:
        self._parts, self._number_of, self._retake = parts, number_of, retake
        self._camera, self._stages, self._light = parts.camera, parts.stages, parts.light
        self._modulator, self._sequences = parts.modulator, parts.sequences
        self.look_ahead: Callable[[int], Iterator[Event]] = lambda _: iter(())

    def light_up(self) -> None:
        """Let the light through for what is no stimulus: the mask of the last one is gone by then."""
        self._modulator.wait_blank()
        self._light.light_up()

    def expose(self, event: Event, following: Event | None = None) -> ExposedFrame:
        """Take the frame of an event, with those after it that the instruments take by themselves.

        If a stimulus is `following`, those it needs are roused before the end of the exposure.
        """
        self.light_up()
        events = self._sequence_from(event)
        try:
            return self._sequence(events) if len(events) > 1 else self._lit(event, following)
        except InstrumentRestartedError:
            self._retake([self._number_of(one) for one in events])
            raise

    def stimulate(self, event: Event, mask: PackedMask | None) -> FiredStimulus:
        """Show the mask, light it, and take its frame; read back what there was. None lights everywhere."""
        with self._modulator.showing(mask, self._light.lighting_up()) as shown:
            exposed = self._lit(event)
            reading, places = self._light.begin_reading(), self._stages.begin_reading()
        at = self._stages.finish_reading(places)
        state = None if reading is None else self._parts.calls.result(reading)
        power = exposed.power if state is None else state.power
        return FiredStimulus(
            exposed=dataclasses.replace(
                exposed, x_um=at.get("x"), y_um=at.get("y"), z_um=at.get("z"), power=power
            ),
            shown=shown,
            shutter=None if state is None else state.lit,
            fired_ns=exposed.header.time_ns - exposed.header.exposure_ns,
        )

    def for_no_event(self, event: Event) -> FrameHeader:
        """Take a frame in the light of an event that is for none: the record leaves it out."""
        self.light_up()
        return self._snap(event, _NO_EVENT)

    def sequenced(self, event: Event, light_s: float | None = None) -> ExposedFrame:
        """Return the frame of an event that was taken with others; nobody has read back at which height."""
        header, at = self._sequences.take(event), self._stages.position
        return ExposedFrame(
            header=header,
            x_um=at.get("x"),
            y_um=at.get("y"),
            power=self._light.power,
            light_s=light_s,
            sequenced=True,
        )

    def _exposure_ms(self, event: Event) -> float:
        own_ms = self._light.exposure_ms(event)
        return self._camera.found_exposure_ms if own_ms is None else own_ms

    def _sequence_from(self, event: Event) -> tuple[Event, ...]:
        """Return an event and those after it that the instruments take by themselves."""
        if self._sequences.limits.frames < 2:
            return (event,)
        ahead = self.look_ahead(event.number)
        if next(ahead, None) != event:  # its height was shifted by an autofocus
            return (event,)
        return next(sequences_of(chain((event,), ahead), self._exposure_ms, self._sequences.limits))

    def _sequence(self, events: tuple[Event, ...]) -> ExposedFrame:
        """Have the frames of events taken as one; return the first."""
        numbers = [self._number_of(event) for event in events]
        for axis in "xyz":
            if len({event.targets_um.get(axis) for event in events}) > 1:
                self._stages.moved_by_itself(axis)
        with self._light.stepping_to(events[-1]):
            whole = self._sequences.expose(events, numbers, [self._exposure_ms(event) for event in events])
        if not whole and len({event.channel for event in events}) > 1:
            self._light.dark()  # nobody knows which channel it has come to
        if lost := self._light.renew():
            self._sequences.forget()
            raise self._was_dark(lost)
        self._check_stages()
        if not self._sequences.has(events[0]):  # ended before its first exposure
            if self._parts.calls.aborted.is_set():
                raise AbortedError("the exposure was aborted")
            return self._lit(events[0])
        return self.sequenced(events[0], self._light.lit_within_s)

    def _lit(self, event: Event, following: Event | None = None) -> ExposedFrame:
        """Take the frame of an event in the light as it is."""
        header = self._snap(event, self._number_of(event), following)
        at = self._stages.position
        return ExposedFrame(
            header=header,
            x_um=at.get("x"),
            y_um=at.get("y"),
            z_um=at.get("z"),
            power=self._light.power,
            light_s=self._light.lit_within_s,
        )

    def _snap(self, event: Event, number: int, following: Event | None = None) -> FrameHeader:
        exposure_ms = self._exposure_ms(event) if event.channel else event.exposure_ms
        rouse = self._rouse if is_stimulus(following) else None
        header = self._camera.snap(event, number, exposure_ms or None, before_end=rouse)
        if lost := self._light.renew():
            raise self._was_dark(lost)
        self._check_stages()
        return header

    def _rouse(self) -> None:
        """Have all that a stimulus needs answer its next call soon."""
        self._parts.calls.rouse((self._parts.settings.camera, *self._light.services))

    def _was_dark(self, lost: str) -> InstrumentRestartedError:
        """Return what is raised where a light was made safe during an exposure."""
        ended = self._parts.calls.ended(lost)
        return InstrumentRestartedError(
            f"{ended} ended during the exposure: the light went out", source=ended
        )

    def _check_stages(self) -> None:
        """Raise if a stage has ended during the exposure: nobody knows where it stood."""
        if ended := self._stages.renew():
            self._sequences.forget()
            told = f"{ended} ended during the exposure: it may have been at another place"
            raise InstrumentRestartedError(told, source=self._parts.calls.ended(ended))
