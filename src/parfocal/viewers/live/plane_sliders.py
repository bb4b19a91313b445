"""A slider for each dimension of a stack, below its image."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QGridLayout, QLabel, QSlider, QToolButton, QWidget

if TYPE_CHECKING:
    from parfocal.viewers.panes import Pane
    from parfocal.viewers.stack import Stack


class PlaneSliders(QWidget):
    """Chooses a plane: one row for each dimension that has more than one value. For the GUI thread.

    Attributes
    ----------
    plane_chosen : signal
        With the components that a person has changed; none to go on with what comes.
    """

    plane_chosen = Signal(dict)

    def __init__(self) -> None:
        super().__init__()
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setVerticalSpacing(0)
        self._axes: tuple[str, ...] = ()
        self._sliders: dict[str, QSlider] = {}
        self._values: dict[str, QLabel] = {}
        self._stack: Stack | None = None
        self.hide()

    def show_pane(self, pane: Pane) -> None:
        """Show where the plane of a pane lies, without taking that for a choice."""
        self._stack = pane.stack
        lengths = {} if pane.stack is None else dict(zip(pane.stack.axes, pane.stack.shape, strict=False))
        axes = tuple(name for name, length in lengths.items() if length > 1)
        if axes != self._axes:
            self._make_rows(axes)
        if pane.stack is None or not axes:
            return
        for name, position in zip(pane.stack.axes, pane.stack.position(pane.index), strict=True):
            if name in self._sliders:
                slider = self._sliders[name]
                slider.blockSignals(True)
                slider.setMaximum(lengths[name] - 1)
                slider.setValue(position)
                slider.blockSignals(False)
                self._values[name].setText(f"{pane.index.get(name, '')}   {position + 1} / {lengths[name]}")

    def _make_rows(self, axes: tuple[str, ...]) -> None:
        for widget in self.findChildren(QWidget, options=Qt.FindChildOption.FindDirectChildrenOnly):
            self._grid.removeWidget(widget)
            widget.deleteLater()
        self._axes = axes
        self._sliders, self._values = {}, {}
        for row, name in enumerate(axes):
            self._sliders[name] = QSlider(Qt.Orientation.Horizontal)
            self._sliders[name].setToolTip(f"Which {name} is shown")
            self._sliders[name].valueChanged.connect(lambda at, name=name: self._moved(name, at))
            self._values[name] = QLabel()
            self._values[name].setObjectName("faint")
            if row == 0:
                self._grid.addWidget(self._newest_button(), row, 3)
            for column, widget in enumerate((QLabel(name), self._sliders[name], self._values[name])):
                self._grid.addWidget(widget, row, column)
        self.setVisible(bool(axes))

    def _newest_button(self) -> QToolButton:
        button = QToolButton()
        button.setText("Newest")
        button.setToolTip("Show each image as it comes, of whatever place")
        button.setAutoRaise(True)
        button.clicked.connect(lambda: self.plane_chosen.emit({}))
        return button

    def _moved(self, name: str, position: int) -> None:
        if self._stack is not None:
            axis = self._stack.axes.index(name)
            self.plane_chosen.emit({name: self._stack.coordinates[axis][position]})
