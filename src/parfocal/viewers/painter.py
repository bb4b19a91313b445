"""Paints what a viewer shows, and takes what a person does in its window. For its main thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from parfocal.core.errors import ParfocalError

if TYPE_CHECKING:
    import logging

    from parfocal.core.clock import Clock
    from parfocal.viewers.content import Content
    from parfocal.viewers.feeds import FeedTable
    from parfocal.viewers.inbox import Inbox
    from parfocal.viewers.panes import PaneTable, Plot, View

_REFRESH_NS = 100_000_000


class Painter:
    """Brings panes to a view, and back what a person has chosen there.

    Attributes
    ----------
    view : View
        What paints.
    plots : tuple of Plot
        Those that were painted last.
    """

    def __init__(
        self,
        view: View,
        panes: PaneTable,
        content: Content,
        feeds: FeedTable,
        inbox: Inbox,
        clock: Clock,
        log: logging.Logger,
    ) -> None:
        self.view = view
        self._panes, self._content, self._feeds, self._inbox = panes, content, feeds, inbox
        self._clock, self._log = clock, log
        self._refreshed_ns = 0
        self.plots: tuple[Plot, ...] = ()

    @property
    def is_due(self) -> bool:
        """Whether ages, regions and plots are to be looked at anew."""
        return self._clock.monotonic_ns() - self._refreshed_ns > _REFRESH_NS

    def paint(self, *, anew: bool = False) -> None:
        """Paint everything; ages, regions and plots are looked at ten times a second, or `anew`."""
        if anew or self.is_due:
            self._refreshed_ns = self._clock.monotonic_ns()
            self.plots = self._feeds.refresh()
        self.view.paint(tuple(self._panes), self.plots)

    def take_actions(self) -> bool:
        """Take what a person has done in the window; return whether something is to be painted for it."""
        self._panes.take(self.view.displays())
        actions = self.view.new_actions()
        for action in actions:
            try:
                self._content.act(action)
            except ParfocalError as error:  # such as of a pane that was closed in the meantime
                self._log.warning("%s: %s", action, error)
        return bool(actions)

    def catch_up(self) -> None:
        """Do what a person has done, and bring all that has arrived to its panes, before a command."""
        arrived = len(self._inbox)
        self.take_actions()
        self._inbox.bring(self.paint, most=arrived)
