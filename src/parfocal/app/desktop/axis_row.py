"""One axis of a stage: where it stands, moved to a place or by a step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QLabel, QPushButton, QWidget

from parfocal.app.desktop.editors import NumberField
from parfocal.app.desktop.fields import shown_unit

if TYPE_CHECKING:
    from collections.abc import Callable

    from PySide6.QtWidgets import QGridLayout

    from parfocal.core.protocols import Axis

_FIRST_STEP = 0.01
_ARROW_PX = 34
_DECIMALS = {"nm": 1}
"""As many as are of use; 3 of other units."""


class AxisRow:
    """Two lines of a grid: the axis with its position, and what moves it.

    Parameters
    ----------
    axis : Axis
        With its unit, limits and speed.
    move : callable
        ``move(target, relative)`` asks for a move, in the unit of the axis.
    """

    def __init__(self, axis: Axis, move: Callable[[float, bool], None]) -> None:
        self.axis, self._move = axis, move
        self.position, self.target, self.step = (
            QLabel("…"),
            NumberField(integer=False),
            NumberField(integer=False),
        )
        self.go, self.down, self.up = QPushButton("Move to"), QPushButton("−"), QPushButton("+")  # noqa: RUF001
        self.step.show_value(float(f"{(axis.high - axis.low) * _FIRST_STEP:.1g}"))
        self._unit = shown_unit(axis.unit)
        limits = f"from {axis.low:.10g} to {axis.high:.10g} {self._unit}, {axis.speed:.10g} {self._unit}/s"
        for widget in (self.target, self.go, self.position):
            widget.setToolTip(limits)
        for widget in (self.step, self.down, self.up):
            widget.setToolTip(f"step, {self._unit}; the axis goes {limits}")
        self.go.clicked.connect(lambda: self._go())
        self.target.returnPressed.connect(self._go)
        self.down.clicked.connect(lambda: self._step(-1))
        self.up.clicked.connect(lambda: self._step(1))

    def put_into(self, grid: QGridLayout, row: int) -> None:
        """Take two lines of a grid."""
        name, limits = QLabel(self.axis.name), QLabel()
        name.setObjectName("heading")
        self.position.setObjectName("heading")
        limits.setObjectName("faint")
        limits.setText(f"{self.axis.low:.10g} … {self.axis.high:.10g} {self._unit}")
        for arrow in (self.down, self.up):
            arrow.setFixedWidth(_ARROW_PX)
        grid.addWidget(name, row, 0)
        grid.addWidget(self.position, row, 1, 1, 2)
        grid.addWidget(limits, row, 3, 1, 2)
        widgets: tuple[QWidget, ...] = (self.target, self.go, self.down, self.step, self.up)
        for column, widget in enumerate(widgets):
            grid.addWidget(widget, row + 1, column)

    def show_position(self, position: float) -> None:
        """Show where it stands."""
        rounded = round(position, _DECIMALS.get(self.axis.unit, 3)) + 0.0  # 0 instead of -0
        self.position.setText(f"{rounded:.10g} {self._unit}")

    def _go(self) -> None:
        if self.target.check() and self.target.value is not None:
            self._move(self.target.value, False)

    def _step(self, way: int) -> None:
        if self.step.check() and self.step.value is not None:
            self._move(way * self.step.value, True)
