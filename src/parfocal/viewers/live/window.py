"""The window of the live viewer: panes side by side, plots at the right, one line of help."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QCloseEvent, QImage
from PySide6.QtWidgets import QApplication, QGridLayout, QLabel, QMainWindow, QSplitter, QWidget

from parfocal.viewers.live.image_pane import ImagePane
from parfocal.viewers.qt.palette import apply_theme
from parfocal.viewers.qt.plots import PlotPane
from parfocal.viewers.qt.theme import theme_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from parfocal.viewers.actions import Action
    from parfocal.viewers.display import Display
    from parfocal.viewers.panes import Pane, Plot
    from parfocal.viewers.regions import Regions

_SIZE = (1180, 720)
_EMPTY = "Nothing is shown yet.\n\nSend an image (viewer.show) or follow a stream (viewer.follow)."


class LiveWindow(QMainWindow):
    """Paints panes (a `parfocal.viewers.panes.View`). For the GUI thread.

    Parameters
    ----------
    title, theme : str
        Of the window.
    closed : callable
        Called when a person closes it.
    regions : callable
        Returns the regions that clicks change, or None.

    Attributes
    ----------
    acted : signal
        A person has done something that `new_actions` tells.
    """

    acted = Signal()

    def __init__(
        self, title: str, theme: str, closed: Callable[[], None], regions: Callable[[], Regions | None]
    ) -> None:
        super().__init__()
        self._theme = theme_of(theme)
        application = QApplication.instance()
        assert isinstance(application, QApplication)
        apply_theme(application, self._theme)
        self._closed = closed
        self._regions = regions
        self._panes: dict[str, ImagePane] = {}
        self._is_open = True
        self.setWindowTitle(title)
        self.resize(*_SIZE)
        self._empty = QLabel(_EMPTY, alignment=Qt.AlignmentFlag.AlignCenter)
        self._empty.setObjectName("faint")
        self._grid_widget = QWidget()
        self._grid = QGridLayout(self._grid_widget)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.addWidget(self._empty, 0, 0)
        self._plot_pane = PlotPane(self._theme)
        self._plot_pane.hide()
        self._splitter = QSplitter(Qt.Orientation.Horizontal)
        self._splitter.addWidget(self._grid_widget)
        self._splitter.addWidget(self._plot_pane)
        self._splitter.setStretchFactor(0, 3)
        self._splitter.setStretchFactor(1, 2)
        self.setCentralWidget(self._splitter)
        self.show()

    def paint(self, panes: Sequence[Pane], plots: Sequence[Plot]) -> None:
        """Show this; when it returns, the window's pixels are these."""
        self._arrange([pane.name for pane in panes])
        for pane in panes:
            self._panes[pane.name].show_pane(pane)
        if plots and self._plot_pane.isHidden():
            self._plot_pane.show()
            self._splitter.setSizes([3 * self.width() // 5, 2 * self.width() // 5])
        if not plots:
            self._plot_pane.hide()
        self._plot_pane.show_plots(plots)
        self._paint_now()

    def grab(self) -> NDArray[Any]:  # type: ignore[override]
        """Return the pixels of the window, (y, x, 3) uint8."""
        picture = QWidget.grab(self).toImage().convertToFormat(QImage.Format.Format_RGB888)
        height, width = picture.height(), picture.width()
        rows = np.frombuffer(picture.constBits(), np.uint8).reshape(height, picture.bytesPerLine())
        return rows[:, : 3 * width].reshape(height, width, 3).copy()

    def displays(self) -> Mapping[str, Display]:
        """Return what a person has chosen since the last call, by pane."""
        chosen = {name: pane.take_choice() for name, pane in self._panes.items()}
        return {name: display for name, display in chosen.items() if display is not None}

    def new_actions(self) -> Sequence[Action]:
        """Return what else a person has done since the last call, in order."""
        return tuple(action for pane in self._panes.values() for action in pane.take_actions())

    def close(self) -> bool:
        """Close the window; nobody is told."""
        self._is_open = False
        return super().close()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Tell that a person has closed it."""
        if self._is_open:
            self._is_open = False
            self._closed()
        super().closeEvent(event)

    def _arrange(self, names: list[str]) -> None:
        """Lay the panes out in a grid as square as may be, if there are others than before."""
        if names == list(self._panes):
            return
        for name in set(self._panes) - set(names):
            self._panes.pop(name).deleteLater()
        self._panes = {name: self._panes.get(name) or self._new_pane(name) for name in names}
        self._empty.setVisible(not names)
        columns = math.ceil(math.sqrt(len(names))) or 1
        for number, pane in enumerate(self._panes.values()):
            self._grid.addWidget(pane, number // columns, number % columns)

    def _new_pane(self, name: str) -> ImagePane:
        pane = ImagePane(name, self._theme, self._regions)
        pane.acted.connect(self.acted)
        return pane

    def _paint_now(self) -> None:
        """Have Qt paint all that has changed before it does anything else."""
        QApplication.sendPostedEvents()
        self.repaint()
        for pane in self._panes.values():
            pane.paint_now()
