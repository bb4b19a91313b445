"""Plots beside one another where there is room for that, below one another where there is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QBoxLayout, QSizePolicy, QWidget

if TYPE_CHECKING:
    from PySide6.QtGui import QResizeEvent

_GAP = 4


class PlotRow(QWidget):
    """Shares its room among plots, all of the same size.

    Parameters
    ----------
    plots : QWidget
        In their order.
    """

    def __init__(self, *plots: QWidget) -> None:
        super().__init__()
        self._box = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        self._box.setContentsMargins(0, 0, 0, 0)
        self._box.setSpacing(_GAP)
        for plot in plots:
            plot.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Ignored)
            self._box.addWidget(plot, 1)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Put them beside one another if the place is wide."""
        wide = self.width() > self.height()
        beside, below = QBoxLayout.Direction.LeftToRight, QBoxLayout.Direction.TopToBottom
        self._box.setDirection(beside if wide else below)
        super().resizeEvent(event)
