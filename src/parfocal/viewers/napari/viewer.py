"""The napari kind of viewer: napari's window in a process of its own."""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING

from parfocal.viewers.service import ViewerService

if TYPE_CHECKING:
    from parfocal.core.clock import Clock
    from parfocal.processes.loop import MainLoop
    from parfocal.viewers.panes import View

_BEFORE_QT = ("OpenGL.GL", "vispy.scene", "napari.components.viewer_model", "napari.plugins")
"""What napari needs beside Qt: once PySide6 is there, each import takes longer, for it reads the source."""


class NapariViewer(ViewerService):
    """Shows panes as layers of napari. Its main thread is Qt's; a window that stands still counts as hung."""

    kind = "napari"
    step_limit_s = 10.0

    @classmethod
    def make_loop(cls, clock: Clock) -> MainLoop:
        """Return Qt's own loop."""
        del clock
        os.environ["QT_API"] = "pyside6"
        os.environ["NAPARI_ASYNC"] = "0"  # what is painted is what was sent
        for module in _BEFORE_QT:
            import_module(module)
        from parfocal.viewers.qt.loop import QtLoop

        return QtLoop()

    def make_view(self) -> View:
        """Open the window."""
        from parfocal.viewers.napari.window import NapariWindow

        title = self.settings.title or f"parfocal viewer: {self.context.service}"
        return NapariWindow(title, self.settings.theme, lambda: self.context.leave("its window was closed"))
