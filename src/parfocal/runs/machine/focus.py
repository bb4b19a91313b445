"""How far the focus of each position lies from where the plan has it, as it was found last. Pure."""

from __future__ import annotations

import msgspec

from parfocal.runs.plans.event import Event


class FocusOffsets(msgspec.Struct, frozen=True):
    """What autofocuses have found.

    An offset is told from the height of the plan, never from an earlier one, so that none accumulates.

    Attributes
    ----------
    by_position : dict of int to float
        Along p, um; a position that is left out is where the plan has it.

    Examples
    --------
    >>> search = Event(number=0, kind="autofocus", index={"t": 0, "p": 1}, z_um=50.0, shifted_p=(1,))
    >>> image = Event(number=1, kind="image", index={"t": 0, "p": 1}, z_um=52.0, follows_focus=True)
    >>> FocusOffsets().found(search, 50.5).found(search, 51.0).applied(image).z_um
    53.0
    """

    by_position: dict[int, float] = {}

    def found(self, search: Event, z_um: float) -> FocusOffsets:
        """Return them after an autofocus, as the plan has it, found the focus at a height of the stage."""
        assert search.z_um is not None, "an autofocus has a height"
        offset_um = z_um - search.z_um
        return FocusOffsets({**self.by_position, **dict.fromkeys(search.shifted_p, offset_um)})

    def applied(self, event: Event) -> Event:
        """Return an event of the plan with the height that the focus of its position wants."""
        if not event.follows_focus or event.z_um is None:
            return event
        offset_um = self.by_position.get(event.index["p"])
        if offset_um is None:
            return event
        return msgspec.structs.replace(event, z_um=event.z_um + offset_um)
