"""What every kind of viewer is: a service that shows what it is sent and what it follows.

::

    show, annotate ──(lane "images": taken from shared memory)──> received ──(main thread)──> Content ──┐
    follow ──> FeedTable, looked at by the display's timer; nobody waits for it ───────> PaneTable <────┘
                                                                                             └─> View: painted

Commands that change what is shown run in the main thread, between two paints.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Annotated, Any, ClassVar, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from parfocal.core.errors import BadInputError, ParfocalError, ViewerError
from parfocal.formats.write_tiff import write_image
from parfocal.ipc import command
from parfocal.processes import LOOP, Service, ServiceContext, directory
from parfocal.streams import ImageFolder, ImageToken
from parfocal.viewers.annotations import arrays_of, made_of, settings_of
from parfocal.viewers.content import Content
from parfocal.viewers.display import Display, shown_plane
from parfocal.viewers.feeds import FeedTable
from parfocal.viewers.layers import index_of
from parfocal.viewers.outcomes import Outcomes
from parfocal.viewers.panes import PaneTable, Plot, View
from parfocal.viewers.regions import Regions
from parfocal.viewers.run_feeds import RunFeedTable
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


class Received(NamedTuple):
    """An image or an annotation between its arrival and its painting: `put` brings it to its panes."""

    ticket: str
    put: Callable[[], None]


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
        self._outcomes = Outcomes()
        self._received: deque[Received] = deque()
        red = self.settings.theme == "red"  # for a dark room
        self._panes = PaneTable(Display(colormap="red" if red else "grey"))
        self._content = Content(self._panes, round(self.settings.budget_mb * 2**20))
        self._runs = RunFeedTable(self._content)
        self._feeds = FeedTable(self._panes, context.clock)
        self._plots: tuple[Plot, ...] = ()
        self._ages_s: deque[float] = deque(maxlen=1000)
        self._swept_ns = self._refreshed_ns = 0
        with ExitStack() as stack:
            self.view = self.make_view()
            stack.callback(self.view.close)
            stack.callback(self._feeds.close)
            stack.callback(self._runs.close)
            self._closing = stack.pop_all()

    def step(self) -> float | None:
        """Paint what has arrived, and what is new of what is followed; return when to look again."""
        begin_ns = self.context.clock.monotonic_ns()
        acted = self._take_actions()
        came = self._runs.poll() | self._feeds.poll()  # also while more is sent than can be painted
        if self._received:
            self._paint_received()
        elif acted or came or (self._feeds and begin_ns - self._refreshed_ns > _REFRESH_NS):
            self._paint()
        if came:
            self._ages_s.extend(self._feeds.ages_s())
            now_ns = self.context.clock.monotonic_ns()
            self._ages_s.extend((now_ns - time_ns) * 1e-9 for time_ns in self._runs.take_times_ns())
        if begin_ns - self._swept_ns > _SWEEP_EVERY_NS:
            self._swept_ns = begin_ns
            self._images.sweep()  # those whose senders have ended before they were taken
        if self._received:
            return 0.0
        if not self._feeds and not self._runs:
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
            "followed": {**self._feeds.described(), "runs": self._runs.described()},
            "queued": self._images.waiting().images + len(self._received),
            "unpainted": self._outcomes.waiting,
            "images_bytes": self._content.budget.used_bytes,
            "budget_bytes": self._content.budget.limit_bytes,
        }

    @property
    def regions(self) -> Regions | None:
        """The regions over live panes, which clicks in a window change."""
        return self._feeds.overlay.regions if self._feeds.overlay else None

    @command(lane="images", effect="changes", script=False)
    def show(self, images: list[tuple[ImageToken, dict[str, Any]]], layer: str, ticket: str) -> None:
        """Take images, each with its index, to be painted in a layer; returns when they are taken."""
        self._check_room()
        taken = [(self._images.take(token), index_of(index)) for token, index in images]
        for image, _ in taken:
            shown_plane(image)
        self._expect(ticket, [partial(self._content.show, layer, index, image) for image, index in taken])

    @command(lane="images", effect="changes", script=False)
    def annotate(
        self,
        kind: str,
        over: str,
        arrays: dict[str, ImageToken | None],
        settings: dict[str, Any],
        ticket: str,
    ) -> None:
        """Take an annotation, to be laid over a pane or a layer; None is an empty array."""
        self._check_room()
        taken = {
            name: np.empty(0) if token is None else self._images.take(token) for name, token in arrays.items()
        }
        self._expect(ticket, [partial(self._content.annotate, over, made_of(kind, taken, settings))])

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
    def follow_run(self, rig: str, run: str) -> str:
        """Follow a run of a rig, which need not be there yet: its images, cells, masks and tracks.

        Returns the layer that shows it, with a pane for each channel.
        """
        return self._runs.follow(rig, run)

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
        self._runs.follow_again(state.get("followed", {}).get("runs", ()))
        self._paint()

    @command(lane=LOOP, effect="changes")
    def set_display(self, pane: str, changes: dict[str, Any]) -> Display:
        """Change how a pane is shown: contrast, low, high, gamma, colormap, center, zoom, frozen ..."""
        self._catch_up()
        display = self._panes.choose(pane, changes)
        self._paint()
        return display

    @command(lane=LOOP, effect="reads")
    def display(self, pane: str) -> Display:
        """Return how a pane is shown."""
        self._catch_up()
        return self._panes[pane].display

    @command(lane=LOOP, effect="reads")
    def image(self, pane: str) -> NDArray[Any]:
        """Return the image that a pane shows, as it was measured."""
        self._catch_up()
        return self._panes.image(pane)

    @command(lane="ages", effect="reads", script=False)
    def ages_s(self) -> list[float]:
        """Return how old the last thousand live frames were when they had been painted, seconds."""
        return list(self._ages_s)

    @command(lane=LOOP, effect="changes")
    def select(self, layer: str, index: dict[str, Any], keep: bool = False) -> None:
        """Show another image of a layer or pane; components that are not named stay as they are."""
        self._catch_up()
        self._content.select(layer, index_of(index), keep=keep)
        self._paint()

    @command(lane=LOOP, effect="changes")
    def components(self, layer: str, roles: dict[str, str], padding: str = "") -> None:
        """Make components of a layer's planes, or of all if it is "", a "dimension" or "layer"s."""
        self._catch_up()
        self._content.set_components(layer, roles, padding)
        self._paint()

    @command(lane=LOOP, effect="reads")
    def annotations(self, pane: str) -> list[dict[str, Any]]:
        """Return what lies over the plane that a pane shows, also what a person has drawn there."""
        self._catch_up()
        return [
            {"kind": one.kind, "arrays": arrays_of(one), "settings": settings_of(one)}
            for one in self._panes[pane].annotations
        ]

    @command(lane=LOOP, effect="changes")
    def pick(self, pane: str, x_px: float, y_px: float) -> tuple[int, ...]:
        """Pick the cell at a point as a click does, or let go of it; return the numbers that are picked."""
        self._catch_up()
        picked = self._content.pick(pane, x_px, y_px)
        self._paint()
        return picked

    @command(lane=LOOP, effect="reads")
    def picked(self, pane: str) -> tuple[int, ...]:
        """Return the numbers of the cells that are picked in a pane."""
        self._catch_up()
        return self._panes[pane].picked

    @command(lane=LOOP, effect="changes")
    def remove(self, pane: str, annotation: str = "") -> None:
        """Close a pane: leave its stream, or let go of its images; of rows, their plots.

        With the name of an annotation: take that back, and leave the pane.
        """
        self._catch_up()
        if annotation:
            self._content.remove_annotation(pane, annotation)
        elif not self._feeds.leave(pane):
            left = self._runs.leave(pane)
            if not left or self._content.layers.parts_of(pane):
                self._content.remove(pane)
        self._refreshed_ns = 0
        self._paint()

    @command(lane=LOOP, effect="reads")
    def screenshot(self) -> NDArray[Any]:
        """Return the pixels of the window, (y, x, 3) uint8."""
        self._catch_up()
        self._paint()
        return self.view.grab()

    @command(lane=LOOP, effect="reads")
    def save_picture(self, path: Path) -> None:
        """Write what is seen to a PNG file."""
        save_picture(self.screenshot(), path)

    @command(lane=LOOP, effect="reads")
    def save_counts(self, pane: str, path: Path) -> None:
        """Write the image of a pane as it was measured, to a TIFF file of its own number type."""
        self._catch_up()
        write_image(self._panes.image(pane), self._panes[pane].pixel_size_um, path)

    def _check_room(self) -> None:
        if len(self._received) >= _MOST_PENDING:
            raise ViewerError(
                f"{_MOST_PENDING} images wait to be painted; send more when some have been shown"
            )

    def _expect(self, ticket: str, puts: list[Callable[[], None]]) -> None:
        """Have these brought to their panes, one after the other, in the main thread."""
        self._outcomes.expect(ticket, len(puts))
        self._received.extend(Received(ticket, put) for put in puts)
        self.context.wake()

    def _paint_received(self) -> None:
        """Paint the next thing that was sent, and settle its ticket when the pixels are there."""
        self._put([self._received.popleft()])

    def _catch_up(self) -> None:
        """Bring all that has arrived to its panes, and do what a person has done, before a command."""
        arrived = [self._received.popleft() for _ in range(len(self._received))]
        self._take_actions()
        self._put(arrived)

    def _put(self, arrived: list[Received]) -> None:
        """Bring these to their panes, paint, and settle their tickets."""
        problems: list[tuple[str, str]] = []
        for received in arrived:
            problem = ""
            try:
                received.put()
            except ParfocalError as error:
                problem = str(error)
            problems.append((received.ticket, problem))
        if arrived:
            self._paint()
        for ticket, problem in problems:
            self._outcomes.settle(ticket, problem)

    def _take_actions(self) -> bool:
        """Take what a person has done in the window; return whether something is to be painted for it."""
        self._panes.take(self.view.displays())
        actions = self.view.new_actions()
        for action in actions:
            try:
                self._content.act(action)
            except ParfocalError as error:  # such as of a pane that was closed in the meantime
                self.context.log.warning("%s: %s", action, error)
        return bool(actions)

    def _paint(self) -> None:
        """Paint everything; ages, regions and plots are looked at anew ten times a second."""
        now_ns = self.context.clock.monotonic_ns()
        if now_ns - self._refreshed_ns > _REFRESH_NS:
            self._refreshed_ns = now_ns
            self._plots = self._feeds.refresh()
        self.view.paint(tuple(self._panes), self._plots)
