"""What every kind of viewer is: a service that shows what it is sent and what it follows.

::

    show ──(lane "images": taken from shared memory)──> received ──(main thread: painted)──> shown
    follow ──> LiveFeed, looked at by the display's timer ──> painted; nobody waits for it

Commands that change what is shown run in the main thread, between two paints.
"""

from __future__ import annotations

from collections import deque
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, ClassVar

import msgspec
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from parfocal.core.errors import BadInputError, ParfocalError, ViewerError, nearest
from parfocal.ipc import command
from parfocal.processes import LOOP, Service, ServiceContext, directory
from parfocal.streams import ImageFolder, ImageToken
from parfocal.viewers.display import Display, changed, shown_plane
from parfocal.viewers.feed import LiveFeed
from parfocal.viewers.layers import Index, Layers, index_of
from parfocal.viewers.outcomes import Outcomes
from parfocal.viewers.overlays import MOST_CURVES, RowFeed, markers
from parfocal.viewers.panes import Pane, Plot, View
from parfocal.viewers.regions import Regions
from parfocal.viewers.saving import save_counts, save_picture

_WAITS_S = 60.0
_SWEEP_EVERY_NS = 1_000_000_000
_REFRESH_NS = 100_000_000
_IDLE_S = 0.2
_MOST_PENDING = 4096


class ViewerConfig(BaseModel):
    """Settings of a viewer.

    Parameters
    ----------
    title : str
        Of its window; its name if empty.
    budget_mb : float
        Images that it holds take no more.
    refresh_hz : float
        How often it looks for a new frame of what it follows.
    theme : "dark", "light" or "red"
        Colours of the window; red on black is for dark rooms.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str = ""
    budget_mb: Annotated[float, Field(gt=0)] = 1024.0
    refresh_hz: Annotated[float, Field(gt=0, le=240)] = 72.0
    theme: str = "dark"


class Received(msgspec.Struct, frozen=True):
    """An image between its arrival and its painting."""

    ticket: str
    layer: str
    index: Index
    image: Any


class ViewerService(Service):
    """Shows images and streams. Subclasses make the view."""

    Config = ViewerConfig
    settings: ViewerConfig
    kind: ClassVar[str]

    def make_view(self) -> View:
        """Return what paints; called once, in the main thread."""
        raise NotImplementedError

    def open(self, context: ServiceContext) -> None:
        """Make the view."""
        self.context = context
        self._images = ImageFolder(directory.images_folder(context.service))
        self._layers = Layers(round(self.settings.budget_mb * 2**20))
        self._outcomes = Outcomes()
        self._received: deque[Received] = deque()
        self._panes: dict[str, Pane] = {}
        self._feeds: dict[str, LiveFeed] = {}
        self._rows: RowFeed | None = None
        self.regions: Regions | None = None
        self._columns: tuple[str, ...] = ()
        self._plots: tuple[Plot, ...] = ()
        self._ages_s: deque[float] = deque(maxlen=1000)
        self._swept_ns = self._painted_ns = 0
        self._closing = ExitStack()
        self.view = self.make_view()
        self._closing.callback(self.view.close)

    def step(self) -> float | None:
        """Paint what has arrived, and what is new of what is followed; return when to look again."""
        begin_ns = self.context.clock.monotonic_ns()
        self._keep_choices()
        if self._received:
            self._paint_received()
        elif self._poll_feeds():
            self._paint()
            now_ns = self.context.clock.monotonic_ns()
            self._ages_s.extend(feed.age_s(now_ns) for feed in self._feeds.values())
        elif self._is_refresh_due():
            self._paint()
        self._sweep()
        if self._received:
            return 0.0
        if not self._feeds and self._rows is None:
            return _IDLE_S
        took_s = (self.context.clock.monotonic_ns() - begin_ns) * 1e-9
        return max(0.0, 1.0 / self.settings.refresh_hz - took_s)

    def close(self) -> None:
        """Leave every stream, and close the view."""
        for feed in self._feeds.values():
            feed.close()
        if self._rows is not None:
            self._rows.close()
        if self.regions is not None:
            self.regions.close()
        self._closing.close()

    def state(self) -> dict[str, Any]:
        """Return what is shown and how, as plain values."""
        return {
            "kind": self.kind,
            "panes": {name: self._described(pane) for name, pane in self._panes.items()},
            "queued": self._images.waiting().images + len(self._received),
            "unpainted": self._outcomes.waiting,
            "images_bytes": self._layers.nbytes,
            "budget_bytes": self._layers.budget_bytes,
        }

    @command(lane="images", effect="changes", script=False)
    def show(self, images: list[tuple[ImageToken, dict[str, Any]]], layer: str, ticket: str) -> None:
        """Take images, each with its index, to be painted in a layer; returns when they are taken."""
        if len(self._received) >= _MOST_PENDING:
            raise ViewerError(
                f"{_MOST_PENDING} images wait to be painted; send more when some have been shown"
            )
        taken = [(self._images.take(token), index_of(index)) for token, index in images]
        for image, _ in taken:
            shown_plane(image)
        self._outcomes.expect(ticket, len(taken))
        self._received.extend(Received(ticket, layer, index, image) for image, index in taken)
        self.context.wake()

    @command(lane="shown", effect="reads", script=False)
    def wait_shown(self, ticket: str, timeout_s_: float = _WAITS_S) -> str | None:
        """Return "shown" or "failed: why" of a ticket, None if it is neither within the time."""
        return self._outcomes.wait(ticket, min(timeout_s_, _WAITS_S))

    @command(lane=LOOP, effect="changes")
    def follow(self, folder: Path, stream: str) -> str:
        """Follow a stream of frames in a pane of its own; returns the name of the pane."""
        name = f"{folder.name}/{stream}"
        if name not in self._feeds:
            self._feeds[name] = LiveFeed(folder, stream, self.context.clock)
            self._panes.setdefault(name, Pane(name, live=True, display=self._first_display()))
            self._paint()
        return name

    @command(lane=LOOP, effect="changes")
    def overlay_beads(
        self,
        folder: Path,
        stream: str,
        service: str = "tracker",
        plot: tuple[str, ...] = ("x_px", "y_px", "z_nm"),
    ) -> None:
        """Draw the regions of a service over followed panes, coloured by its rows; plot columns of those."""
        if self._rows is not None:
            self._rows.close()
        if self.regions is not None:
            self.regions.close()
        self._rows = RowFeed(folder, stream, clock=self.context.clock)
        self.regions = Regions(folder.name, service)
        self._columns = plot
        self._paint()

    @command(lane=LOOP, effect="changes")
    def plot_beads(self, beads: tuple[int, ...]) -> None:
        """Choose the beads whose rows are plotted, eight at most."""
        if len(beads) > MOST_CURVES:
            raise BadInputError(f"{len(beads)} beads are too many to tell apart; plot {MOST_CURVES} at most")
        if self._rows is None:
            raise BadInputError("no rows are followed yet: overlay_beads first")
        self._rows.watched = beads

    @command(lane=LOOP, effect="changes")
    def set_display(self, pane: str, changes: dict[str, Any]) -> Display:
        """Change how a pane is shown: contrast, low, high, gamma, colormap, center, zoom, frozen ..."""
        found = self._pane(pane)
        display = changed(found.display, **changes)
        self._panes[pane] = replace(found, display=display)
        self._paint()
        return display

    @command(lane=LOOP, effect="reads")
    def display(self, pane: str) -> Display:
        """Return how a pane is shown."""
        self._keep_choices()
        return self._pane(pane).display

    @command(lane=LOOP, effect="reads")
    def image(self, pane: str) -> NDArray[Any]:
        """Return the image that a pane shows, as it was measured."""
        found = self._pane(pane)
        if found.image is None:
            raise ViewerError(f"pane {pane!r} has shown no image yet")
        return found.image

    @command(lane="ages", effect="reads", script=False)
    def ages_s(self) -> list[float]:
        """Return how old the last thousand live frames were when they had been painted, seconds."""
        return list(self._ages_s)

    @command(lane=LOOP, effect="changes")
    def select(self, layer: str, index: dict[str, Any]) -> None:
        """Show another image of a layer that was sent before."""
        self._show_image(layer, index_of(index))
        self._paint()

    @command(lane=LOOP, effect="changes")
    def remove(self, pane: str) -> None:
        """Close a pane: leave its stream, or let go of its images."""
        self._pane(pane)
        feed = self._feeds.pop(pane, None)
        if feed is not None:
            feed.close()
        self._layers.remove(pane)
        del self._panes[pane]
        self._paint()

    @command(lane=LOOP, effect="reads")
    def screenshot(self) -> NDArray[Any]:
        """Return the pixels of the window, (y, x, 3) uint8."""
        self._paint()
        return self.view.grab()

    @command(lane=LOOP, effect="reads")
    def save_picture(self, path: Path) -> None:
        """Write what is seen to a PNG file."""
        self._paint()
        save_picture(self.view.grab(), path)

    @command(lane=LOOP, effect="reads")
    def save_counts(self, pane: str, path: Path) -> None:
        """Write the image of a pane as it was measured, to a TIFF file of its own number type."""
        save_counts(self.image(pane), self._pane(pane).pixel_size_um, path)

    def _paint_received(self) -> None:
        """Paint the next image that was sent; its ticket is told when the pixels are there."""
        received = self._received.popleft()
        try:
            self._layers.put(received.layer, received.index, received.image)
            self._show_image(received.layer, received.index)
            self._paint()
        except ParfocalError as error:
            self._outcomes.settle(received.ticket, str(error))
        else:
            self._outcomes.settle(received.ticket)

    def _show_image(self, layer: str, index: Index) -> None:
        image = self._layers.get(layer, index)
        if image is None:
            known = self._layers.indices(layer)
            raise BadInputError(f"layer {layer!r} has no image {dict(index)}; it has {len(known)} others")
        pane = self._panes.get(layer, Pane(layer, display=self._first_display()))
        words = ", ".join(f"{name} {value}" for name, value in index)
        count = len(self._layers.indices(layer))
        caption = f"{words} ({count} images)" if count > 1 else words
        self._panes[layer] = replace(
            pane, image=shown_plane(image), version=pane.version + 1, caption=caption
        )

    def _poll_feeds(self) -> bool:
        """Take the newest frame of each feed that is not frozen; return whether there was one."""
        if self._rows is not None:
            self._rows.poll()
        polled = [self._poll_feed(name, feed) for name, feed in self._feeds.items()]
        return any(polled)

    def _poll_feed(self, name: str, feed: LiveFeed) -> bool:
        pane = self._panes[name]
        frame = None if pane.display.frozen else feed.poll()
        if frame is None:
            return False
        spec = feed.spec
        size_um = None if spec is None else spec.pixel_size_um
        self._panes[name] = replace(
            pane, image=shown_plane(frame.data), version=pane.version + 1, pixel_size_um=size_um
        )
        return True

    def _is_refresh_due(self) -> bool:
        """Whether ages, regions and plots are to be painted anew although no frame has come."""
        if not self._feeds and self._rows is None:
            return False
        return self.context.clock.monotonic_ns() - self._painted_ns > _REFRESH_NS

    def _markers(self) -> Any:
        if self.regions is None:
            return ()
        return markers(self.regions.centers, self.regions.size_px, self._rows)

    def _paint(self) -> None:
        """Paint everything; ages, regions and plots are looked at anew ten times a second."""
        now_ns = self.context.clock.monotonic_ns()
        if now_ns - self._painted_ns > _REFRESH_NS:
            self._painted_ns = now_ns
            self._refresh()
        self.view.paint(tuple(self._panes.values()), self._plots)

    def _refresh(self) -> None:
        """Look at the ledgers, the regions and the rows."""
        marks = self._markers()
        for name, feed in self._feeds.items():
            self._panes[name] = replace(self._panes[name], status=feed.status(), markers=marks)
        if self._rows is not None:
            self._plots = self._rows.plots(self._columns)

    def _keep_choices(self) -> None:
        """Take over what a person has chosen in the window."""
        for name, display in self.view.displays().items():
            if name in self._panes:
                self._panes[name] = replace(self._panes[name], display=display)

    def _first_display(self) -> Display:
        """Return how a new pane is shown: in red where a dark room wants it."""
        return Display(colormap="red" if self.settings.theme == "red" else "grey")

    def _pane(self, name: str) -> Pane:
        if name not in self._panes:
            raise BadInputError(f"the viewer has no pane {name!r}; {nearest(name, self._panes)}")
        return self._panes[name]

    def _sweep(self) -> None:
        """Remove images whose senders have ended before they were taken."""
        now_ns = self.context.clock.monotonic_ns()
        if now_ns - self._swept_ns > _SWEEP_EVERY_NS:
            self._swept_ns = now_ns
            self._images.sweep()

    def _described(self, pane: Pane) -> dict[str, Any]:
        return {
            "display": msgspec.to_builtins(pane.display),
            "shape": None if pane.image is None else list(pane.image.shape),
            "live": pane.live,
            "version": pane.version,
            "caption": pane.caption,
            "status": pane.status._asdict(),
            "markers": len(pane.markers),
        }
