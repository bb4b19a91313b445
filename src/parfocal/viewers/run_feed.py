"""A run in a viewer: its images by channel and position, labels, fired masks and tracks."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from parfocal.core.clock import SYSTEM_CLOCK
from parfocal.core.errors import ParfocalError, StreamError, StreamNotFoundError
from parfocal.core.frames import Frame, FrameSpec
from parfocal.processes import directory
from parfocal.streams import follow_lossless, open_stream, stream_names
from parfocal.viewers.annotations import Labels, Tracks, nbytes_of
from parfocal.viewers.run_history import RunHistory
from parfocal.viewers.run_join import RunJoin, as_particles, by_position, track_tails
from parfocal.viewers.run_link import RunLink

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from parfocal.core.run_status import RunStatus
    from parfocal.streams import LosslessReader
    from parfocal.viewers.annotations import Annotation
    from parfocal.viewers.content import Content
    from parfocal.viewers.run_join import EventPlace, JoinedFrame

LABELS, MASKS = "labels", "masks"
EVENTS, ANALYSED = "run_events", ("tracks", "stimulations")
"""Streams that the engine of runs writes, of frames and of rows; cameras' are called like their services."""
_COLUMN = {EVENTS: "number", "tracks": "particle", "stimulations": "image_event"}
"""A column by which the rows of a run are told from others."""
TAIL = 100
"""Time points of tracks that are shown."""
_FRAMES_A_POLL = 16
_LOOK_S = 0.1
_UNNAMED = 64
"""Images that wait for the name of their channel, at most."""
_LABELLED = 16
"""Positions whose newest labels wait for what their cells are called, at most: they are in no budget."""
MASK_COLOUR = "#38b6ff"
"""Of masks that were lit."""


class RunFeed:
    """Brings what is new of one run to a layer that has its name. For one thread; close it.

    What was recorded before comes first, the newest that fit into half of the budget that is left. Then
    frames are read in order, as far as the rings hold them; a viewer that is late skips, and holds nobody up.

    Parameters
    ----------
    rig, run : str
        Which run of which rig; neither need be there yet.
    content : Content
        Where it is shown: its oldest planes go when the budget is full.

    Attributes
    ----------
    shown : int
        Images that were brought to a pane.
    refused : int
        Images and annotations that did not fit into the budget, or waited for the name of a channel in vain.
    """

    def __init__(self, rig: str, run: str, content: Content) -> None:
        self.rig, self.run = rig, run
        self.shown = self.refused = 0
        self._content = content
        self._folder = directory.shm_folder(rig)
        self._link = RunLink(rig, run)
        self._join = RunJoin()
        self._rows = {name: self._reader(name) for name in (EVENTS, *ANALYSED)}
        self._frames = {name: self._reader(name) for name in (LABELS, MASKS)}
        self._cameras: dict[str, LosslessReader] = {}
        self._look_at_s = 0.0
        self._ended_ns: list[int] = []
        self._unnamed: list[JoinedFrame] = []
        self._tracks: dict[int, Tracks] = {}
        self._labels: dict[int, JoinedFrame] = {}
        self._picked: dict[Any, tuple[int, ...]] = {}
        self._history: RunHistory | None = None
        self._is_live = False
        self._recorded: set[tuple[str, int]] = set()
        content.layers.expect(run, {"channel": "layer"})

    @property
    def has_ended(self) -> bool:
        """Whether the run has ended; it may be continued."""
        return self._link.status is not None and self._link.status.ended

    def poll(self) -> bool:
        """Take what is new; return whether there was anything to be painted."""
        status = self._link.status
        if status is None:
            return False
        self._find_cameras(status.claims)
        before = self.shown, self.refused
        placed = [placed for rows in self._new_rows(EVENTS) for placed in self._join.add_events(rows)]
        if self._knows_history(status):
            for name, reader in {**self._cameras, **self._frames}.items():
                placed += self._new_frames(name, reader)
        unnamed, self._unnamed = self._unnamed, []
        for one in (*unnamed, *placed):
            self._put(one)
        came = self._take_analysis()
        self._send_picks()
        return came or (self.shown, self.refused) != before

    def take_times_ns(self) -> list[int]:
        """Return when the exposures ended of the images that were brought since the last call."""
        times_ns, self._ended_ns = self._ended_ns, []
        return times_ns

    def described(self) -> dict[str, Any]:
        """Return what is followed and how far it is, as plain values."""
        status = self._link.status
        return {
            "rig": self.rig,
            "run": self.run,
            "state": "" if status is None else status.outcome or status.state,
            "images": self.shown,
            "gone": self._content.gone(self.run),
            "refused": self.refused,
            "unplaced": self._join.unplaced,
            "problem": self._link.problem,
        }

    def close(self) -> None:
        """Leave every stream, and ask the engine no more."""
        for reader in (*self._rows.values(), *self._frames.values(), *self._cameras.values()):
            reader.close()
        self._link.close()
        if self._history is not None:
            self._history.close()

    # -- what comes ----------------------------------------------------------------------------------

    def _reader(self, stream: str) -> LosslessReader:
        return follow_lossless(self._folder, stream, "drop", since="start")

    def _find_cameras(self, claims: tuple[str, ...]) -> None:
        """Follow the streams of frames of the instruments that the run holds; looks once in a while."""
        now_s = SYSTEM_CLOCK.monotonic_s()
        if now_s < self._look_at_s:
            return
        self._look_at_s = now_s + _LOOK_S
        for name in set(claims) & set(stream_names(self._folder)) - self._cameras.keys():
            try:
                if isinstance(open_stream(self._folder, name).spec, FrameSpec):
                    self._cameras[name] = self._reader(name)
            except StreamNotFoundError:
                continue  # it ended just now

    def _new_rows(self, stream: str) -> list[NDArray[Any]]:
        """Return new rows of a run; a rig may have others of that name, such as tracks of beads."""
        found = _polled(self._rows[stream].poll)
        if not isinstance(found, np.ndarray) or not len(found):
            return []
        if _COLUMN[stream] not in (found.dtype.names or ()) or not self._is_mine_since(stream):
            return []
        return [found]

    def _is_mine_since(self, stream: str) -> bool:
        """Whether rows are of this run: each run makes its streams of cells and stimuli anew."""
        if stream == EVENTS:
            return True  # told apart by the times of their exposures
        age_ns = SYSTEM_CLOCK.monotonic_ns() - self._rows[stream].created_ns
        return self._is_mine(SYSTEM_CLOCK.utc_ns() - age_ns)

    def _knows_history(self, status: RunStatus) -> bool:
        """Show what was recorded before; return whether that is over."""
        if self._is_live or self._link.history is None:
            return self._is_live
        if self._history is None:
            if not (self._link.history and status.folder and status.frames_stored):
                self._is_live = True  # nothing is recorded: what comes from now on, the rings hold
                return True
            budget = self._content.budget
            most = (budget.limit_bytes - budget.used_bytes) // 2
            self._history = RunHistory(self._link.history, status.folder, most)
        if not self._unnamed:  # a channel's name is asked for
            for frame in self._history.take(_FRAMES_A_POLL):
                self._recorded.add((frame.stream, frame.time_ns))
                self._put(frame)
        self._is_live = self._history.over
        return self._is_live

    def _new_frames(self, name: str, reader: LosslessReader) -> list[JoinedFrame]:
        """Return the next frames of a stream that belong to this run and have found their event."""
        found = []
        for _ in range(_FRAMES_A_POLL):
            frame = _polled(reader.poll)
            if not isinstance(frame, Frame):
                break
            known = (name, frame.header.time_ns) in self._recorded
            if not known and frame.header.event >= 0 and self._is_mine(frame.header.utc_ns):
                placed = self._join.add_frame(name, frame.header.time_ns, frame.data)
                found += [] if placed is None else [placed]
        return found

    def _is_mine(self, utc_ns: int) -> bool:
        """Whether a time lies between the beginning and the end of the run."""
        status = self._link.status
        assert status is not None
        end = status.finished_at
        return status.created_at <= utc_ns * 1e-9 and (end is None or utc_ns * 1e-9 <= end)

    # -- where it goes -------------------------------------------------------------------------------

    def _put(self, placed: JoinedFrame) -> None:
        match placed.stream:
            case "labels":
                self._labels.pop(placed.place.p, None)
                self._labels[placed.place.p] = placed
                if len(self._labels) > _LABELLED:
                    del self._labels[next(iter(self._labels))]
                self._put_labels(placed)
            case "masks":
                for t, p, mask in self._join.add_mask(placed.place.number, placed.image):
                    self._put_mask(t, p, mask)
            case _:
                self._put_image(placed)

    def _put_image(self, placed: JoinedFrame) -> None:
        place = placed.place
        if place.c >= 0 and place.c not in self._link.channels:
            self._link.want_channel(place.c, place.number)
            if len(self._unnamed) < _UNNAMED:
                self._unnamed.append(placed)
            else:
                self.refused += 1
            return
        index = _index(place)
        if place.c >= 0:
            index["channel"] = self._link.channels[place.c] or str(place.c)
        show = partial(self._content.show, self.run, index, placed.image)
        if self._within_budget(placed.image.nbytes, show):
            self.shown += 1
            self._ended_ns.append(placed.time_ns)

    def _put_labels(self, placed: JoinedFrame) -> None:
        particles = self._join.particles(placed.place.number)
        areas = placed.image if particles is None else as_particles(placed.image, particles)
        index = _index(placed.place, "tp")
        self._annotate(Labels("labels", areas, index, pickable=particles is not None, first=0))

    def _put_mask(self, t: int, p: int, mask: NDArray[Any]) -> None:
        index = {"t": str(t), "p": str(p)}
        lit = (mask != 0).astype(np.int32)
        self._annotate(Labels("fired mask", lit, index, "fill", MASK_COLOUR, pickable=False))

    def _take_analysis(self) -> bool:
        """Take new cells and stimuli; return whether there were any."""
        came = False
        for rows in self._new_rows("tracks"):
            numbers, came = self._join.add_tracks(rows), True
            for p, mine in by_position(rows):
                before = self._tracks[p].rows if p in self._tracks else np.empty((0, 4))
                self._tracks[p] = Tracks("tracks", track_tails(before, mine, TAIL), {"p": str(p)}, TAIL)
                self._annotate(self._tracks[p])
            for labels in self._labels.values():
                if labels.place.number in numbers:
                    self._put_labels(labels)
        for rows in self._new_rows("stimulations"):
            came = True
            for t, p, mask in self._join.add_stimulations(rows):
                self._put_mask(t, p, mask)
        return came

    def _annotate(self, annotation: Annotation) -> None:
        if not self._content.layers.parts_of(self.run):  # the first image may have been lost
            return
        came_late = isinstance(annotation, Labels) and self._content.gone(self.run)
        if came_late and not self._content.layers.has(self.run, annotation.index):
            self.refused += 1  # its image is gone, and it would not go with any other
        else:
            self._within_budget(nbytes_of(annotation), lambda: self._content.annotate(self.run, annotation))

    def _within_budget(self, nbytes: int, put: Callable[[], None]) -> bool:
        """Make room and put something there; return whether it is there."""
        self._content.make_room(self.run, nbytes)
        try:
            put()
        except ParfocalError:  # it does not fit, or a pane of that name shows something else
            self.refused += 1
            return False
        return True

    def _send_picks(self) -> None:
        """Send the cells that were picked since the last call to the engine, by position.

        In a run that has ended a person looks at cells, and picks them for nothing.
        """
        if self.has_ended:
            return
        for place, particles in self._content.picks(self.run).items():
            if self._picked.get(place) != particles:
                self._picked[place] = particles
                self._link.pick(int(dict(place).get("p", "0")), particles)


def _index(place: EventPlace, axes: str = "tpz") -> dict[str, str]:
    return {axis: str(at) for axis in axes if (at := getattr(place, axis)) >= 0}


def _polled(poll: Callable[[], Any]) -> Any:
    """Return what a reader has; None if its stream is away."""
    try:
        return poll()
    except StreamError:
        return None
