"""What every kind of viewer is: a service that shows what it is sent and what it follows.

::

    show ──(lane "images": taken from shared memory)──> received ──(main thread)──> Layers ─────┐
    follow ──> FeedTable, looked at by the display's timer; nobody waits for it ──> PaneTable <─┘
                                                                                        └──> View: painted

Commands that change what is shown run in the main thread, between two paints.
"""

from __future__ import annotations

from collections import deque
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any, ClassVar

import msgspec
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from parfocal.core.errors import BadInputError, ParfocalError, ViewerError
from parfocal.formats.write_tiff import write_image
from parfocal.ipc import command
from parfocal.processes import LOOP, Service, ServiceContext, directory
from parfocal.streams import ImageFolder, ImageToken
from parfocal.viewers.display import Display, shown_plane
from parfocal.viewers.feeds import FeedTable
from parfocal.viewers.layers import Index, Layers, index_of
from parfocal.viewers.outcomes import Outcomes
from parfocal.viewers.panes import PaneTable, Plot, View
from parfocal.viewers.regions import Regions
from parfocal.viewers.saving import save_picture

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

    def streams_written(self, service: str) -> tuple[str, ...]:
        """Return none."""
        del service
        return ()

    def open(self, context: ServiceContext) -> None:
        """Make the view."""
        self.context = context
        self._images = ImageFolder(directory.images_folder(context.service))
        self._layers = Layers(round(self.settings.budget_mb * 2**20))
        self._outcomes = Outcomes()
        self._received: deque[Received] = deque()
        red = self.settings.theme == "red"  # for a dark room
        self._panes = PaneTable(Display(colormap="red" if red else "grey"))
        self._feeds = FeedTable(self._panes, context.clock)
        self._plots: tuple[Plot, ...] = ()
        self._ages_s: deque[float] = deque(maxlen=1000)
        self._swept_ns = self._refreshed_ns = 0
        with ExitStack() as stack:
            self.view = self.make_view()
            stack.callback(self.view.close)
            stack.callback(self._feeds.close)
            self._closing = stack.pop_all()

    def step(self) -> float | None:
        """Paint what has arrived, and what is new of what is followed; return when to look again."""
        begin_ns = self.context.clock.monotonic_ns()
        self._panes.take(self.view.displays())
        if self._received:
            self._paint_received()
        elif self._feeds.poll():
            self._paint()
            self._ages_s.extend(self._feeds.ages_s())
        elif self._feeds and begin_ns - self._refreshed_ns > _REFRESH_NS:
            self._paint()
        if begin_ns - self._swept_ns > _SWEEP_EVERY_NS:
            self._swept_ns = begin_ns
            self._images.sweep()  # those whose senders have ended before they were taken
        if self._received:
            return 0.0
        if not self._feeds:
            return _IDLE_S
        took_s = (self.context.clock.monotonic_ns() - begin_ns) * 1e-9
        return max(0.0, 1.0 / self.settings.refresh_hz - took_s)

    def close(self) -> None:
        """Leave every stream, and close the view."""
        self._closing.close()

    def state(self) -> dict[str, Any]:
        """Return what is shown and how, as plain values."""
        return {
            "kind": self.kind,
            "panes": self._panes.described(),
            "plots": {plot.title: {c.name: len(c.x_s) for c in plot.curves} for plot in self._plots},
            "followed": self._feeds.described(),
            "queued": self._images.waiting().images + len(self._received),
            "unpainted": self._outcomes.waiting,
            "images_bytes": self._layers.nbytes,
            "budget_bytes": self._layers.budget_bytes,
        }

    @property
    def regions(self) -> Regions | None:
        """The regions over live panes, which clicks in a window change."""
        return self._feeds.overlay.regions if self._feeds.overlay else None

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
        """Follow a stream: frames in a pane of its own, rows in plots; returns the name of the pane."""
        name = self._feeds.follow(folder, stream)
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
        self._feeds.overlay_beads(folder, stream, service, plot)
        self._paint()

    @command(lane=LOOP, effect="changes")
    def plot_beads(self, beads: tuple[int, ...]) -> None:
        """Choose the beads whose rows are plotted, eight at most."""
        self._feeds.plot_beads(beads)

    @command(lane=LOOP, effect="changes", script=False)
    def take_over(self, state: dict[str, Any]) -> None:
        """Go on for a viewer that had this `state`: follow what it followed, show panes as it showed them."""
        for name, pane in state.get("panes", {}).items():
            try:
                self._panes.take({name: msgspec.convert(pane["display"], Display)})
            except (msgspec.ValidationError, BadInputError) as error:  # of another version
                self.context.log.warning("pane %s: what was chosen is lost: %s", name, error)
        self._feeds.follow_again(state.get("followed", {}))
        self._paint()

    @command(lane=LOOP, effect="changes")
    def set_display(self, pane: str, changes: dict[str, Any]) -> Display:
        """Change how a pane is shown: contrast, low, high, gamma, colormap, center, zoom, frozen ..."""
        display = self._panes.choose(pane, changes)
        self._paint()
        return display

    @command(lane=LOOP, effect="reads")
    def display(self, pane: str) -> Display:
        """Return how a pane is shown."""
        self._panes.take(self.view.displays())
        return self._panes[pane].display

    @command(lane=LOOP, effect="reads")
    def image(self, pane: str) -> NDArray[Any]:
        """Return the image that a pane shows, as it was measured."""
        return self._panes.image(pane)

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
        """Close a pane: leave its stream, or let go of its images; of rows, their plots."""
        if not self._feeds.leave(pane):
            self._panes.remove(pane)
            self._layers.remove(pane)
        self._refreshed_ns = 0
        self._paint()

    @command(lane=LOOP, effect="reads")
    def screenshot(self) -> NDArray[Any]:
        """Return the pixels of the window, (y, x, 3) uint8."""
        self._paint()
        return self.view.grab()

    @command(lane=LOOP, effect="reads")
    def save_picture(self, path: Path) -> None:
        """Write what is seen to a PNG file."""
        save_picture(self.screenshot(), path)

    @command(lane=LOOP, effect="reads")
    def save_counts(self, pane: str, path: Path) -> None:
        """Write the image of a pane as it was measured, to a TIFF file of its own number type."""
        write_image(self._panes.image(pane), self._panes[pane].pixel_size_um, path)

    def _paint_received(self) -> None:
        """Paint the next image that was sent, and settle its ticket when the pixels are there."""
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
        count = len(self._layers.indices(layer))
        if image is None:
            raise BadInputError(f"layer {layer!r} has no image {dict(index)}; it has {count} others")
        caption = ", ".join(f"{name} {value}" for name, value in index)
        self._panes.put_image(layer, image, caption=f"{caption} ({count} images)" if count > 1 else caption)

    def _paint(self) -> None:
        """Paint everything; ages, regions and plots are looked at anew ten times a second."""
        now_ns = self.context.clock.monotonic_ns()
        if now_ns - self._refreshed_ns > _REFRESH_NS:
            self._refreshed_ns = now_ns
            self._plots = self._feeds.refresh()
        self.view.paint(tuple(self._panes), self._plots)
