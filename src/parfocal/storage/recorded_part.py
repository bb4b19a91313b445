"""Some events of a recorded run as if they were a run of their own: a step of a campaign within one run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parfocal.core.errors import BadInputError
from parfocal.storage.recorded_frames import Choice, RecordedFrames
from parfocal.storage.recorded_run import RecordedRun


class RecordedPart(RecordedRun):
    """A part of a run: frames, rows and events of some of its events alone.

    Along t, p and c its frames are counted from 0, as in the plan that was appended; `RecordedFrame.index` is
    that in the whole run, and so are the indices in rows.

    Parameters
    ----------
    folder : Path
        Of the run.
    events : sequence of mapping
        Its events, one after the other: the "number" of each, and its "index".

    Attributes
    ----------
    whole : RecordedRun
        The run that it is a part of.
    numbers : range
        The numbers of its events.
    """

    def __init__(self, folder: Path, events: Sequence[Mapping[str, Any]]) -> None:
        super().__init__(folder)
        self.whole = RecordedRun(folder)
        first = events[0]["number"] if events else 0
        self.numbers = range(first, first + len(events))
        self._own = own_indices([event["index"] for event in events])

    def frames(
        self,
        stream: str = "",
        *,
        t: Choice = None,
        p: Choice = None,
        c: Choice = None,
        z: Choice = None,
    ) -> RecordedFrames:
        """Return frames by their index in the part; see `RecordedRun.frames`.

        Raises
        ------
        BadInputError
            If the run holds no frames, those of this stream do not belong to events, or nothing can be there.
        """
        manifest = self.manifest
        layout = manifest.streams[self._one(manifest, "frames", stream)].events
        if layout is None:
            raise BadInputError(
                f"frames of {stream or 'the camera'!r} belong to no events: ask `whole`, which has them all"
            )
        chosen = {"t": t, "p": p, "c": c}
        in_whole = {axis: self._in_whole(axis, one) for axis, one in chosen.items() if axis in layout.axes}
        return self.whole.frames(stream, **{**chosen, **in_whole}, z=z)

    def rows(self, stream: str = "") -> NDArray[Any]:
        """Return the rows of its events alone, a structured array (n,); see `RecordedRun.rows`.

        Raises
        ------
        BadInputError
            If rows of this stream do not tell to which event they belong.
        """
        rows = super().rows(stream)
        if "number" not in (rows.dtype.names or ()):
            raise BadInputError(
                f"rows of {stream or 'this stream'!r} don't tell to which event they belong: ask `whole`"
            )
        return rows[np.isin(rows["number"], self.numbers)]

    def _in_whole(self, axis: str, choice: Choice) -> Choice:
        own = self._own.get(axis, ())
        if isinstance(choice, str):
            return choice
        if choice is None:
            return own
        try:
            if isinstance(choice, int | np.integer):
                return own[choice]
            numbers = range(len(own))[choice] if isinstance(choice, slice) else choice
            return [own[number] for number in numbers]
        except IndexError:
            raise BadInputError(
                f"{axis} goes from 0 to {len(own) - 1} in this part of the run, and {choice} is not there"
            ) from None


def own_indices(indices: Sequence[Mapping[str, int]]) -> dict[str, tuple[int, ...]]:
    """Return what is at each index of a part along t, p and c in the whole: positions in their order there.

    Examples
    --------
    >>> own_indices([{"t": 4, "p": 7, "c": 0}, {"t": 4, "p": 2, "c": 0}, {"t": 5, "p": 7, "c": 0}, {}])
    {'t': (4, 5), 'p': (7, 2), 'c': (0,)}
    """
    return {axis: tuple(dict.fromkeys(index[axis] for index in indices if axis in index)) for axis in "tpc"}
