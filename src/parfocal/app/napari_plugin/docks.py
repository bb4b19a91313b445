"""The docks that napari opens: the runs of all rigs, and their live streams."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QApplication, QWidget

from parfocal.app.napari_plugin.streams_list import StreamsList
from parfocal.app.run_window.run_source import RunSource
from parfocal.app.run_window.run_widget import RunWidget
from parfocal.viewers.qt.theme import THEMES

if TYPE_CHECKING:
    from parfocal.viewers.qt.theme import Theme


class RunsDock(RunWidget):
    """The run status widget in the colours of a viewer of napari."""

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__(RunSource(), _theme_of(napari_viewer))
        napari_viewer.events.theme.connect(lambda _: self.set_theme(_theme_of(napari_viewer)))
        _close_at_the_end(self.close_source)

    def changeEvent(self, event: QEvent) -> None:
        """Let go of the rigs when the dock is taken away: napari keeps what was in it."""
        if _is_taken_away(self, event):
            self.close_source()
        super().changeEvent(event)


class StreamsDock(StreamsList):
    """The list of rigs and live streams, of which layers are made in a viewer of napari."""

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__(napari_viewer)
        _close_at_the_end(self.close_streams)

    def changeEvent(self, event: QEvent) -> None:
        """Leave streams and rigs when the dock is taken away: napari keeps what was in it."""
        if _is_taken_away(self, event):
            self.close_streams()
        super().changeEvent(event)


def _is_taken_away(widget: QWidget, event: QEvent) -> bool:
    return event.type() == QEvent.Type.ParentChange and widget.parentWidget() is None


def _theme_of(viewer: Any) -> Theme:
    return THEMES["light" if "light" in viewer.theme else "dark"]


def _close_at_the_end(close: Any) -> None:
    """Have the threads of a dock ended with napari: nobody closes a dock then."""
    application = QApplication.instance()
    assert application is not None
    application.aboutToQuit.connect(close)
