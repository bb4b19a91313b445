"""The images of one time point and position, which follow one another in a plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

from parfocal.runs.pipeline.messages import FrameOfChannel
from parfocal.runs.pipeline.time_point import TimePoint

if TYPE_CHECKING:
    from collections.abc import Collection

    from parfocal.runs.instruments.instruments import ExposedFrame
    from parfocal.runs.plans.event import Event
    from parfocal.runs.plans.schedule import Schedule

KINDS = ("image", "reference")


def field_of(event: Event) -> tuple[int, int]:
    """Return the time point and the position of an exposure."""
    return event.index.get("t", 0), event.index.get("p", 0)


def cut_time_points(
    schedule: Schedule, channel: str, first: int, settled: Collection[int]
) -> frozenset[tuple[int, int]]:
    """Return time points and positions of which some images were taken before a run was cut short, not all.

    Parameters
    ----------
    schedule : Schedule
        All events of the run.
    channel : str
        The one that is segmented: of what is not imaged in it nothing is analysed.
    first, settled : int, collection of int
        The event with which the run goes on, and later ones that are done.
    """
    images = _images_about(schedule, first, max([first, *settled]))
    done = {field_of(one) for one in images if one.number < first or one.number in settled}
    left = {field_of(one) for one in images if one.number >= first and one.number not in settled}
    segmented = {field_of(one) for one in images if one.kind == "image" and one.channel == channel}
    return frozenset(done & left & segmented)


def _images_about(schedule: Schedule, first: int, last: int) -> list[Event]:
    """Return the images from event `first` to `last`, and all of the time points that these two cut."""
    begin = first
    while begin > 0 and _is_image(before := schedule.event(begin - 1)):
        if field_of(before) != field_of(schedule.event(first - 1)):
            break
        begin -= 1
    images: list[Event] = []
    for event in schedule.events(begin):
        is_image = _is_image(event)
        if event.number > last and not (is_image and field_of(event) in map(field_of, images)):
            break
        if is_image:
            images.append(event)
    return images


def _is_image(event: Event) -> bool:
    return event.kind in KINDS


class ImageGroup:
    """Images and references as they are exposed, from the first one of a time point and position on.

    Parameters
    ----------
    first : Event
        Of the first one.

    Attributes
    ----------
    field : tuple of int
        Which time point and position it is.
    """

    def __init__(self, first: Event) -> None:
        self.field = field_of(first)
        self._taken: list[tuple[Event, ExposedFrame]] = []

    @property
    def p(self) -> int:
        """Which position it is."""
        return self.field[1]

    @property
    def oldest_ns(self) -> int:
        """End of the first exposure."""
        return min(exposure.header.time_ns for _, exposure in self._taken)

    def add(self, event: Event, exposure: ExposedFrame) -> None:
        """Add an image."""
        self._taken.append((event, exposure))

    def goes_on_with(self, event: Event | None) -> bool:
        """Whether an event adds to it."""
        return event is not None and event.kind in KINDS and field_of(event) == self.field

    def time_point(self, channel: str) -> TimePoint | None:
        """Return what is to be analysed; of a stack the middle plane. None without an image of `channel`."""
        images = self._of_kind("image")
        if channel not in images:
            return None
        event, exposure = images.pop(channel)
        others = images.items()
        return TimePoint(
            event=event,
            exposure=exposure,
            images=(
                FrameOfChannel(channel=channel, header=exposure.header),
                *(FrameOfChannel(channel=name, header=other.header) for name, (_, other) in others),
            ),
            references=tuple(
                FrameOfChannel(channel=name, header=other.header)
                for name, (_, other) in self._of_kind("reference").items()
            ),
        )

    def _of_kind(self, kind: str) -> dict[str, tuple[Event, ExposedFrame]]:
        stacks: dict[str, list[tuple[Event, ExposedFrame]]] = {}
        for event, exposure in self._taken:
            if event.kind == kind:
                stacks.setdefault(event.channel, []).append((event, exposure))
        return {
            name: sorted(stack, key=lambda one: one[0].index.get("z", 0))[len(stack) // 2]
            for name, stack in stacks.items()
        }
