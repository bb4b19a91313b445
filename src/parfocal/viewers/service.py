"""What every kind of viewer is: a service that shows what it is sent and what it follows.

::

    show, annotate ──(lane "images": taken from shared memory)──> Inbox ──(main thread)──> Content ──┐
    follow ──> FeedTable, looked at by the display's timer; nobody waits for it ─────> PaneTable <───┘
                                                                                           └─> Painter, View

Commands that change what is shown run in the main thread, between two paints.
"""

from __future__ import annotations

from collections import deque
from contextlib import ExitStack
from typing import Annotated, Any, ClassVar

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from parfocal.core.errors import BadInputError
from parfocal.ipc import command
from parfocal.processes import LOOP, Service, ServiceContext, directory
from parfocal.viewers.commands.following import FollowCommands
from parfocal.viewers.commands.images import ImageCommands
from parfocal.viewers.commands.panes import PaneCommands
from parfocal.viewers.content import Content
from parfocal.viewers.display import Display
from parfocal.viewers.feeds import FeedTable
from parfocal.viewers.inbox import Inbox
from parfocal.viewers.painter import Painter
from parfocal.viewers.panes import PaneTable, View
from parfocal.viewers.regions import Regions
from parfocal.viewers.run_feeds import RunFeedTable

_SWEEP_EVERY_NS = 1_000_000_000
_IDLE_S = 0.2


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


class ViewerService(ImageCommands, FollowCommands, PaneCommands, Service):
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
        self.inbox = Inbox(directory.images_folder(context.service), context.wake)
        red = self.settings.theme == "red"  # for a dark room
        self.panes = PaneTable(Display(colormap="red" if red else "grey"))
        self.content = Content(self.panes, round(self.settings.budget_mb * 2**20))
        self.runs = RunFeedTable(self.content)
        self.feeds = FeedTable(self.panes, context.clock)
        self.painted_ages_s = deque(maxlen=1000)
        self._swept_ns = 0
        with ExitStack() as stack:
            view = self.make_view()
            stack.callback(view.close)
            stack.callback(self.feeds.close)
            stack.callback(self.runs.close)
            self.painter = Painter(
                view, self.panes, self.content, self.feeds, self.inbox, context.clock, context.log
            )
            self._closing = stack.pop_all()

    def step(self) -> float | None:
        """Paint what has arrived, and what is new of what is followed; return when to look again."""
        begin_ns = self.context.clock.monotonic_ns()
        acted = self.painter.take_actions()
        came = self.runs.poll() | self.feeds.poll()  # also while more is sent than can be painted
        if self.inbox:
            self.inbox.bring(self.painter.paint, most=1)
        elif acted or came or (self.feeds and self.painter.is_due):
            self.painter.paint()
        if came:
            self.painted_ages_s.extend(self.feeds.ages_s())
            now_ns = self.context.clock.monotonic_ns()
            self.painted_ages_s.extend((now_ns - time_ns) * 1e-9 for time_ns in self.runs.take_times_ns())
        if begin_ns - self._swept_ns > _SWEEP_EVERY_NS:
            self._swept_ns = begin_ns
            self.inbox.images.sweep()  # those whose senders have ended before they were taken
        if self.inbox:
            return 0.0
        if not self.feeds and not self.runs:
            return _IDLE_S
        took_s = (self.context.clock.monotonic_ns() - begin_ns) * 1e-9
        return max(0.0, 1.0 / self.settings.refresh_hz - took_s)

    def close(self) -> None:
        """Leave every stream, and close the view."""
        self._closing.close()

    def state(self) -> dict[str, Any]:
        """Return what is shown and how, as plain values."""
        plots = self.painter.plots
        return {
            "kind": self.kind,
            "panes": self.panes.described(),
            "plots": {plot.title: {c.name: len(c.x_s) for c in plot.curves} for plot in plots},
            "followed": {**self.feeds.described(), "runs": self.runs.described()},
            "queued": self.inbox.images.waiting().images + len(self.inbox),
            "unpainted": self.inbox.outcomes.waiting,
            "images_bytes": self.content.budget.used_bytes,
            "budget_bytes": self.content.budget.limit_bytes,
        }

    @command(lane=LOOP, effect="changes", script=False)
    def take_over(self, state: dict[str, Any]) -> None:
        """Go on for a viewer that had this `state`: follow what it followed, show panes as it showed them."""
        for name, pane in state.get("panes", {}).items():
            try:
                self.panes.take({name: msgspec.convert(pane["display"], Display)})
            except (msgspec.ValidationError, BadInputError) as error:  # of another version
                self.context.log.warning("pane %s: what was chosen is lost: %s", name, error)
        self.feeds.follow_again(state.get("followed", {}))
        self.runs.follow_again(state.get("followed", {}).get("runs", ()))
        self.painter.paint()

    @property
    def regions(self) -> Regions | None:
        """The regions over live panes, which clicks in a window change."""
        return self.feeds.overlay.regions if self.feeds.overlay else None
