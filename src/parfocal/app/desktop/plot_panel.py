"""The panel of a time plot."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from parfocal.app.desktop.panel import Panel
from parfocal.app.desktop.point_history import PointHistory
from parfocal.app.desktop.trace_curves import curve
from parfocal.viewers.panes import Curve, Plot
from parfocal.viewers.qt.plots import PlotPane

if TYPE_CHECKING:
    from parfocal.app.desktop.session import Session
    from parfocal.app.desktop.time_plot import TimePlot
    from parfocal.rig.snapshots import RigSnapshot
    from parfocal.viewers.qt.theme import Theme

_FEWEST_POINTS = 200
_DRAWS_EVERY = 2
"""Turns of the window: ten times a second."""


class PlotPanel(Panel):
    """Draws a time plot: the last seconds before the newest row. While nothing comes, it stands still."""

    drawn: ClassVar[type[TimePlot]]
    """The class of the plot."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.plot = self.drawn()
        self.histories = {stream: PointHistory(self.plot.seconds) for stream in self.plot.streams}
        self._rows = {stream: session.rows(stream) for stream in self.plot.streams}
        self._turn = 0
        self.told = QLabel()
        self.told.setObjectName("faint")
        self.told.setContentsMargins(8, 4, 8, 0)
        self._widget = QWidget()
        self._column = QVBoxLayout(self._widget)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(0)
        self._column.addWidget(self.told)
        self._plots = self._new_plots(session.theme)

    @classmethod
    def fits(cls, snapshot: RigSnapshot) -> bool:
        """Whether the rig has a stream that it draws."""
        return any(stream in snapshot.rig.streams for stream in cls.drawn.streams)

    def refresh(self) -> None:
        """Take in new rows, and draw."""
        self._turn += 1
        if self._turn % _DRAWS_EVERY:
            return
        came = [stream for stream in self.plot.streams if self._take(stream)]
        if came:
            self._draw()
        silent = [stream for stream, history in self.histories.items() if not len(history.times_ns)]
        self.told.setText(f"no rows yet of {', '.join(silent)}")
        self.told.setVisible(bool(silent))

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        self._column.removeWidget(self._plots)
        self._plots.hide()
        self._plots.deleteLater()
        self._plots = self._new_plots(theme)
        self._draw()

    def close(self) -> None:
        """Read no more rows."""
        for rows in self._rows.values():
            rows.close()

    def _take(self, stream: str) -> bool:
        """Take in what is new of a stream; return whether there was something."""
        rows = self._rows[stream].take()
        if rows is None:
            return False
        self.histories[stream].add(*self.plot.points(rows))
        return True

    def _draw(self) -> None:
        now_ns = max(history.newest_ns for history in self.histories.values())
        seconds, points = self.plot.seconds, max(_FEWEST_POINTS, self._plots.width())
        curves = tuple(
            Curve(stream, *curve(history.times_ns, history.values, now_ns, seconds, points))
            for stream, history in self.histories.items()
        )
        self._plots.show_plots([Plot(self.plot.title, self.plot.unit, curves)], seconds)

    def _new_plots(self, theme: Theme) -> PlotPane:
        plots = PlotPane(theme)
        self._column.addWidget(plots, 1)
        return plots


def plot_panel(plot: type[TimePlot]) -> type[PlotPanel]:
    """Return the panel of a time plot, as a class of its own: the same one for the same plot."""
    if plot not in _PANELS:
        attributes = {"drawn": plot, "title": plot.title, "icon": plot.icon, "area": plot.area}
        _PANELS[plot] = type(f"{plot.__name__}Panel", (PlotPanel,), attributes)
    return _PANELS[plot]


_PANELS: dict[type[TimePlot], type[PlotPanel]] = {}
