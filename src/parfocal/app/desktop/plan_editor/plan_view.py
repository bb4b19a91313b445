"""What a plan would be as a run: how much, how long, where, and what to be warned of; drawn as runs are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QFrame, QLabel, QScrollArea, QVBoxLayout, QWidget

from parfocal.app.desktop.style import GAP
from parfocal.app.run_window.event_strip import EventStrip
from parfocal.app.run_window.fact_grid import FactGrid
from parfocal.app.run_window.position_map import PositionMap
from parfocal.app.run_window.run_view import run_view
from parfocal.core.run_status import RunStatus
from parfocal.runs.status_parts import Fact

if TYPE_CHECKING:
    from parfocal.runs.prepared import PlanForecast
    from parfocal.viewers.qt.theme import Theme


class PlanView(QWidget):
    """Shows the forecast of a plan beside its form.

    Parameters
    ----------
    theme : Theme
        Its colours.
    """

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._shown: PlanForecast | None = None
        self.strip, self.map, self.facts = EventStrip(theme), PositionMap(theme), FactGrid(theme)
        self.state, self.warnings = QLabel(), QLabel()
        self.state.setObjectName("faint")
        for label in (self.state, self.warnings):
            label.setWordWrap(True)
        body = QWidget()
        column = QVBoxLayout(body)
        column.setContentsMargins(GAP, 4, 0, 0)
        column.setSpacing(GAP)
        for widget in (self.state, self.facts, self.warnings):
            column.addWidget(widget)
        column.addWidget(self.map, 1)
        column.addStretch()
        area = QScrollArea()
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setWidgetResizable(True)
        area.setWidget(body)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(4)
        whole.addWidget(area, 1)
        whole.addWidget(self.strip)
        self.set_theme(theme)
        self.show_forecast(None, "")

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        for part in (self.strip, self.map, self.facts):
            part.set_theme(theme)
        self.warnings.setStyleSheet(f"color: {theme.curves[1]}")

    def show_forecast(self, forecast: PlanForecast | None, state: str) -> None:
        """Show what the rig has said, or why there is nothing to show."""
        self.state.setText(state)
        self.state.setVisible(bool(state))
        if forecast is self._shown and forecast is not None:
            return
        self._shown = forecast
        view = None
        if forecast is not None:
            status = RunStatus(
                run="plan",
                state="prepared",
                events_total=forecast.outline.events_total,
                forecast=forecast.forecast,
            )
            view = run_view(status, forecast.outline)
        self.facts.show_facts(() if view is None else (*view.forecast, *_shape(forecast)))
        self.warnings.setText("" if view is None else view.warning)
        self.warnings.setVisible(view is not None and bool(view.warning))
        self.strip.show_view(view)
        self.map.show_view(view)


def _shape(forecast: PlanForecast | None) -> tuple[Fact, ...]:
    """Return how long the axes are that have more than one place."""
    axes = {} if forecast is None else {axis: size for axis, size in forecast.shape.items() if size > 1}
    return (Fact("axes", "  ".join(f"{axis} {size}" for axis, size in axes.items())),) if axes else ()
