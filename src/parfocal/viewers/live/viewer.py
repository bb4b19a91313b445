"""The live kind of viewer: a window in a process of its own, painted at display rate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from parfocal.viewers.service import ViewerService

if TYPE_CHECKING:
    from parfocal.core.clock import Clock
    from parfocal.processes.loop import MainLoop
    from parfocal.viewers.panes import View


class LiveViewer(ViewerService):
    """Shows panes in a window. Its main thread is Qt's; a window that stands still counts as hung."""

    kind = "live"
    step_limit_s = 2.0

    @classmethod
    def make_loop(cls, clock: Clock) -> MainLoop:
        """Return Qt's own loop."""
        del clock
        from parfocal.viewers.qt.loop import QtLoop

        return QtLoop()

    def make_view(self) -> View:
        """Open the window."""
        from parfocal.viewers.live.window import LiveWindow

        title = self.settings.title or f"parfocal viewer: {self.context.service}"
        window = LiveWindow(
            title,
            self.settings.theme,
            lambda: self.context.leave("its window was closed"),
            lambda: self.regions,
        )
        window.acted.connect(self.context.wake)
        return window
