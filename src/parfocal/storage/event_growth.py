"""How the layout of a run's events grew: which one each frame of the stream was numbered by."""

from __future__ import annotations

import msgspec

from parfocal.core.errors import BadInputError
from parfocal.core.event_layout import EventLayout
from parfocal.core.known_types import known


class LayoutChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """From frame number `first_sequence` of the stream on, events are numbered by `layout`."""

    first_sequence: int
    layout: EventLayout


class LayoutHistory(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The layouts of a run, oldest first.

    Examples
    --------
    >>> layout = EventLayout(axes="tp", sizes=(3, 2))
    >>> history = LayoutHistory.of(layout).grown(EventLayout(axes="tp", sizes=(6, 3)), 6)
    >>> history.index_of(5, event=5), history.index_of(6, event=11)
    ({'t': 2, 'p': 1}, {'t': 3, 'p': 2})
    """

    changes: tuple[LayoutChange, ...]

    @classmethod
    def of(cls, layout: EventLayout) -> LayoutHistory:
        """Return the history of a run that begins."""
        return cls(changes=(LayoutChange(first_sequence=0, layout=layout),))

    @property
    def newest(self) -> EventLayout:
        """The layout as it is now: it holds the index of every frame."""
        return self.changes[-1].layout

    def grown(self, layout: EventLayout, first_sequence: int) -> LayoutHistory:
        """Return the history with another layout for frames from `first_sequence` on.

        Raises
        ------
        BadInputError
            If `layout` does not hold what there is already: see `EventLayout.grown`.
        """
        change = LayoutChange(first_sequence=first_sequence, layout=self.newest.grown(layout))
        return LayoutHistory(changes=(*self.changes, change))

    def index_of(self, sequence: int, event: int) -> dict[str, int]:
        """Return the index of an event along each axis, by the layout of the frame's time.

        Raises
        ------
        BadInputError
            If it lies beyond what that layout holds; a first axis t has no end.
        """
        layout = next(c.layout for c in reversed(self.changes) if c.first_sequence <= max(sequence, 0))
        index = layout.index_of(event)
        if layout.number_of(index) != event:
            raise BadInputError(f"event {event} lies beyond the plan: {index} of {layout.sizes}")
        return index


known(LayoutHistory)
