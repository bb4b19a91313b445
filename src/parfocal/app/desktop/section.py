"""A part of a panel that can be folded away."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QToolButton, QVBoxLayout, QWidget

from parfocal.app.desktop.style import GAP


class PanelSection(QWidget):
    """A title that shows and hides what is below it.

    Parameters
    ----------
    title : str
        What it holds.
    is_open : bool
        Whether it is shown to begin with.
    """

    def __init__(self, title: str, *, is_open: bool = True) -> None:
        super().__init__()
        self.head = QToolButton()
        self.head.setObjectName("section")
        self.head.setText(title)
        self.head.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.head.setCheckable(True)
        self.head.setAutoRaise(True)
        self.head.toggled.connect(self._fold)
        self.body = QWidget()
        self.rows = QVBoxLayout(self.body)
        self.rows.setContentsMargins(4, 2, 0, 4)
        self.rows.setSpacing(GAP)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addWidget(self.head)
        column.addWidget(self.body)
        self.head.setChecked(is_open)
        self._fold(is_open)

    def _fold(self, is_open: bool) -> None:
        self.head.setArrowType(Qt.ArrowType.DownArrow if is_open else Qt.ArrowType.RightArrow)
        self.body.setVisible(is_open)
