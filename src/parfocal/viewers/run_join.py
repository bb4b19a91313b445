"""Where the images, labels and masks of a run belong, by what its streams say of one another. Pure.

::

    camera, labels, masks    the end of the exposure, time_ns     = that of a row of the events
    run_events               number, t, p, c, z, time_ns          one for each event, when it is done
    tracks                   number                               = that of the event that was analysed
    stimulations             image_event                          = the number of the event of its mask
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

_K = TypeVar("_K")
_V = TypeVar("_V")
_EVENTS, _WAITING, _MASKS, _IMAGES = 8192, 64, 64, 1024
"""How many are remembered: events, frames without one, masks that were not fired yet, images with tracks."""


class EventPlace(NamedTuple):
    """Where an event lies: its number, and its index along t, p, c and z, -1 for an axis that it has not."""

    number: int
    t: int
    p: int
    c: int
    z: int


class JoinedFrame(NamedTuple):
    """A frame that has found its event: of a camera, "labels" or "masks"."""

    stream: str
    place: EventPlace
    time_ns: int
    image: NDArray[Any]


class RunJoin:
    """Joins what the streams of one run bring, in whichever order it comes. For one thread.

    Attributes
    ----------
    unplaced : int
        Frames that belonged to no event, as far as was told in time.

    Examples
    --------
    >>> events = np.zeros(1, [("number", "i8"), *((axis, "i4") for axis in "tpcz"), ("time_ns", "i8")])
    >>> events["number"], events["t"], events["time_ns"] = 7, 2, 1000
    >>> join = RunJoin()
    >>> join.add_frame("camera", 1000, np.ones((2, 2)))
    >>> [(placed.stream, placed.place.t) for placed in join.add_events(events)]
    [('camera', 2)]
    """

    def __init__(self) -> None:
        self.unplaced = 0
        self._by_time: OrderedDict[int, EventPlace] = OrderedDict()
        self._waiting: OrderedDict[tuple[str, int], NDArray[Any]] = OrderedDict()
        self._masks: OrderedDict[int, NDArray[Any]] = OrderedDict()
        self._asked: OrderedDict[int, list[tuple[int, int]]] = OrderedDict()
        self._particles: OrderedDict[int, dict[int, int]] = OrderedDict()

    def add_events(self, rows: NDArray[Any]) -> list[JoinedFrame]:
        """Take in events that are done; return the frames that have waited for them."""
        found = []
        for row in rows[rows["time_ns"] >= 0]:
            place = EventPlace(*(int(row[name]) for name in ("number", "t", "p", "c", "z")))
            time_ns = int(row["time_ns"])
            _remember(self._by_time, time_ns, place, _EVENTS)
            for stream, waiting_ns in [key for key in self._waiting if key[1] == time_ns]:
                image = self._waiting.pop((stream, waiting_ns))
                found.append(JoinedFrame(stream, place, time_ns, image))
        return found

    def add_frame(self, stream: str, time_ns: int, image: NDArray[Any]) -> JoinedFrame | None:
        """Take in a frame by the end of its exposure; return it with its event, None if that is unknown."""
        if (place := self.place(time_ns)) is not None:
            return JoinedFrame(stream, place, time_ns, image)
        self.unplaced += _remember(self._waiting, (stream, time_ns), image, _WAITING)
        return None

    def place(self, time_ns: int) -> EventPlace | None:
        """Return the event whose exposure ended then; None if that has not been told."""
        return self._by_time.get(time_ns)

    def add_mask(self, number: int, mask: NDArray[Any]) -> list[tuple[int, int, NDArray[Any]]]:
        """Take in the mask made of an event's image; return it with t and p of the stimuli that fired it."""
        _remember(self._masks, number, mask, _MASKS)
        return [(t, p, mask) for t, p in self._asked.pop(number, ())]

    def add_stimulations(self, rows: NDArray[Any]) -> list[tuple[int, int, NDArray[Any]]]:
        """Take in stimuli; return t, p and the mask of those that were fired, as far as it is there."""
        found = []
        for row in rows[rows["fired_ns"] > 0]:
            number, t, p = (int(row[name]) for name in ("image_event", "t", "p"))
            if number in self._masks:
                found.append((t, p, self._masks[number]))
            else:
                self._asked.setdefault(number, []).append((t, p))
                _shorten(self._asked, _MASKS)
        return found

    def add_tracks(self, rows: NDArray[Any]) -> set[int]:
        """Take in the cells of images; return the numbers of the events of these images."""
        numbers = {int(number) for number in np.unique(rows["number"])}
        for number in numbers:
            mine = rows[rows["number"] == number]
            pairs = zip(mine["label"].tolist(), mine["particle"].tolist(), strict=True)
            known = self._particles.get(number, {})  # a ring that was full takes an image's rows in parts
            _remember(self._particles, number, known | dict(pairs), _IMAGES)
        return numbers

    def particles(self, number: int) -> dict[int, int] | None:
        """Return the particle of each label of an event's image; None if its cells have not been told."""
        return self._particles.get(number)


def as_particles(labels: NDArray[Any], particles: dict[int, int]) -> NDArray[np.int32]:
    """Return labels with one more than the number of each cell's particle: 0 is a particle, and no area.

    -1 where a cell has none.

    Examples
    --------
    >>> as_particles(np.array([[0, 1, 2, 3]]), {2: 40, 3: 0})
    array([[ 0, -1, 41,  1]], dtype=int32)
    """
    table = np.full(int(labels.max(initial=0)) + 1, -1, np.int32)
    table[0] = 0
    for label, particle in particles.items():
        if 0 < label < len(table) and particle >= 0:
            table[label] = particle + 1
    return np.asarray(table[labels])


def track_tails(before: NDArray[Any], rows: NDArray[Any], tail: int) -> NDArray[np.float64]:
    """Return (n, 4) particle, t, y, x of one position with those of new rows, the last `tail` time points."""
    columns = ("particle", "t", "y_px", "x_px")
    new = np.stack([rows[name].astype(np.float64) for name in columns], axis=1)
    new = new[(new[:, 0] >= 0) & np.isfinite(new).all(axis=1)]  # a pipeline that measures no places has none
    joined = np.concatenate([before, new])
    newest = joined[:, 1].max() if len(joined) else 0.0
    return np.asarray(joined[joined[:, 1] > newest - tail])


def by_position(rows: NDArray[Any]) -> Iterator[tuple[int, NDArray[Any]]]:
    """Yield the rows of each position."""
    for p in np.unique(rows["p"]):
        yield int(p), rows[rows["p"] == p]


def _remember(held: OrderedDict[_K, _V], key: _K, value: _V, most: int) -> int:
    """Hold a value as the newest; return how many old ones had to go."""
    held[key] = value
    held.move_to_end(key)
    return _shorten(held, most)


def _shorten(held: OrderedDict[_K, _V], most: int) -> int:
    gone = 0
    while len(held) > most:
        held.popitem(last=False)
        gone += 1
    return gone
