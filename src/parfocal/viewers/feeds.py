"""The streams that a viewer follows: frames into panes, rows into plots, beads over all live panes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from parfocal.core.errors import BadInputError, StreamError
from parfocal.core.frames import RowSpec
from parfocal.streams import open_stream
from parfocal.viewers.feed import LiveFeed
from parfocal.viewers.overlays import BeadOverlay
from parfocal.viewers.row_plots import MOST_CURVES, RowFeed

if TYPE_CHECKING:
    from parfocal.core.clock import Clock
    from parfocal.streams import LatestReader
    from parfocal.viewers.panes import PaneTable, Plot

FIRST_BEADS = (0, 1, 2)
"""Beads that are plotted before somebody has chosen others."""


class FeedTable:
    """Brings what is new of streams to panes and plots. For one thread; close it.

    Parameters
    ----------
    panes : PaneTable
        Where frames are shown: a pane for each stream, called ``FOLDER/STREAM``.
    """

    def __init__(self, panes: PaneTable, clock: Clock) -> None:
        self._panes = panes
        self._clock = clock
        self._frames: dict[str, LiveFeed] = {}
        self._rows: dict[str, RowFeed] = {}
        self.overlay: BeadOverlay | None = None

    def __bool__(self) -> bool:
        """Whether anything is followed."""
        return bool(self._frames or self._rows or self.overlay)

    def follow(self, folder: Path, stream: str) -> str:
        """Follow a stream, which need not be there yet; return the name of its pane, or plots."""
        name = f"{folder.name}/{stream}"
        if name in self._frames or name in self._rows:
            return name
        if _holds_rows(folder, stream):
            self._follow_rows(name, folder, stream)
        else:
            self._frames[name] = LiveFeed(folder, stream, self._clock)
            self._panes.add(name, live=True)
        return name

    def overlay_beads(self, folder: Path, stream: str, service: str, columns: tuple[str, ...]) -> None:
        """Mark the regions of a service over live panes, in place of those before."""
        if self.overlay is not None:
            self.overlay.close()
        self.overlay = BeadOverlay(folder, stream, service, columns, self._clock)

    def plot_beads(self, beads: tuple[int, ...]) -> None:
        """Choose the beads whose rows are plotted."""
        if len(beads) > MOST_CURVES:
            raise BadInputError(f"{len(beads)} beads are too many to tell apart; plot {MOST_CURVES} at most")
        if not self._row_feeds():
            raise BadInputError("no rows are followed yet: overlay_beads first")
        for feed in self._row_feeds():
            feed.watched = beads

    def leave(self, name: str) -> bool:
        """Leave a stream; return whether it was one of rows, which has no pane."""
        if name in self._frames:
            self._frames.pop(name).close()
        if name not in self._rows:
            return False
        self._rows.pop(name).close()
        return True

    def poll(self) -> bool:
        """Take new rows, and the newest frame for each pane that is not frozen; return whether one came."""
        for rows in self._row_feeds():
            rows.poll()
        came = [self._poll_frames(name, feed) for name, feed in tuple(self._frames.items())]
        return any(came)

    def refresh(self) -> tuple[Plot, ...]:
        """Bring states and markers of live panes up to date; return the plots."""
        markers = self.overlay.markers() if self.overlay else ()
        for name, feed in self._frames.items():
            self._panes.change(name, status=feed.status(), markers=markers)
        beads = self.overlay.rows.plots() if self.overlay else ()
        return (*beads, *(plot for rows in self._rows.values() for plot in rows.plots(f"{rows.name}: ")))

    def ages_s(self) -> list[float]:
        """Return how old the newest frame of each stream is."""
        now_ns = self._clock.monotonic_ns()
        return [feed.age_s(now_ns) for feed in self._frames.values()]

    def described(self) -> dict[str, Any]:
        """Return what is followed, as plain values for `follow_again`."""
        places = [(feed.folder, feed.name) for feed in self._frames.values()]
        places += [(feed.folder, feed.name) for feed in self._rows.values()]
        described: dict[str, Any] = {"streams": [(str(folder), name) for folder, name in places]}
        if self.overlay is not None:
            rows, service = self.overlay.rows, self.overlay.regions.service
            described["beads"] = (str(rows.folder), rows.name, service, list(rows.columns))
            described["plotted"] = list(rows.watched)
        return described

    def follow_again(self, described: dict[str, Any]) -> None:
        """Follow what another viewer has `described`."""
        for folder, stream in described.get("streams", ()):
            self.follow(Path(folder), stream)
        if "beads" in described:
            folder, stream, service, columns = described["beads"]
            self.overlay_beads(Path(folder), stream, service, tuple(columns))
            self.plot_beads(tuple(described["plotted"]))

    def close(self) -> None:
        """Leave every stream."""
        for name in (*self._frames, *self._rows):
            self.leave(name)
        if self.overlay is not None:
            self.overlay.close()

    def _row_feeds(self) -> tuple[RowFeed, ...]:
        overlaid = () if self.overlay is None else (self.overlay.rows,)
        return (*self._rows.values(), *overlaid)

    def _follow_rows(self, name: str, folder: Path, stream: str, reader: LatestReader | None = None) -> None:
        self._rows[name] = RowFeed(folder, stream, clock=self._clock, reader=reader)
        self._rows[name].watched = FIRST_BEADS

    def _poll_frames(self, name: str, feed: LiveFeed) -> bool:
        if self._panes[name].display.frozen:
            return False
        frame = feed.poll()
        if feed.rows is not None:  # it was followed before it was there
            del self._frames[name]
            self._panes.remove(name)
            self._follow_rows(name, feed.folder, feed.name, feed.reader)
            self._rows[name].add(feed.rows)
        if frame is None:
            return False
        size_um = None if feed.spec is None else feed.spec.pixel_size_um
        self._panes.put_image(name, frame.data, pixel_size_um=size_um)
        return True


def _holds_rows(folder: Path, stream: str) -> bool:
    """Whether a stream holds rows; of one that is not there yet its first frame or row will say."""
    try:
        return isinstance(open_stream(folder, stream).spec, RowSpec)
    except StreamError:
        return False
