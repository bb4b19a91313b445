"""What instruments take by themselves, one timed by the other: asked for by runs, done by a camera."""

from __future__ import annotations

import msgspec

from parfocal.core.errors import BadInputError


class SequenceLimits(msgspec.Struct, frozen=True, kw_only=True):
    """For how many frames instruments go on by themselves.

    Attributes
    ----------
    frames : int
        How many a sequence has at most; fewer than 2: there are none.
    heights, places, channels, exposures : int
        For how many of them the focus, x and y, the channel or the exposure change at most; 0: they stay.
    """

    frames: int = 0
    heights: int = 0
    places: int = 0
    channels: int = 0
    exposures: int = 0


class ExpectedSequence(msgspec.Struct, frozen=True, kw_only=True):
    """What the next sequence of a camera is for. What is empty stays as it is.

    Attributes
    ----------
    events : tuple of int
        Numbers of the plan's events, a frame each.
    exposures_ms : tuple of float
        Of each frame; one alone: of all.
    stage : str
        The stage that steps through heights, as the camera calls it.
    heights_um : tuple of float
        Where it stands at each frame.
    xy_stage : str
        The stage that steps through places.
    places_um : tuple of (float, float)
        Where that stands at each frame, (x, y).
    group : str
        Whose presets are the channels.
    presets : tuple of str
        That of each frame.

    Examples
    --------
    >>> ExpectedSequence(events=(4, 5), heights_um=(0.0, 1.0, 2.0))
    Traceback (most recent call last):
    parfocal.core.errors.BadInputError: 2 events have as many heights_um, not 3
    """

    events: tuple[int, ...]
    exposures_ms: tuple[float, ...] = ()
    stage: str = ""
    heights_um: tuple[float, ...] = ()
    xy_stage: str = ""
    places_um: tuple[tuple[float, float], ...] = ()
    group: str = ""
    presets: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.events:
            raise BadInputError("a sequence is for one event at least")
        for name in ("exposures_ms", "heights_um", "places_um", "presets"):
            count, alone = len(getattr(self, name)), name == "exposures_ms"
            if count not in (0, len(self.events), 1 if alone else 0):
                raise BadInputError(f"{len(self.events)} events have as many {name}, not {count}")
