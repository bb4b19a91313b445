"""Panels and time plots of others, added to a rig that runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from parfocal.rig.panel_config import added_panel

if TYPE_CHECKING:
    from parfocal.ipc import ServiceProxy

_LOOK_S = 10.0


class RigPanels:
    """What desktops show of a rig beside their own panels. The rig keeps it until it ends."""

    def __getitem__(self, service: str) -> ServiceProxy:
        """Return a service of the rig, or the rig's own commands."""
        raise NotImplementedError

    def add_panel(self, panel: str, *, name: str = "", column: int | None = None) -> str:
        """Have every desktop that shows the rig show a panel; return its name.

        Nothing is imported here: a class that cannot be, or that raises, is told in its place by desktops.
        The same once more is nothing.

        Parameters
        ----------
        panel : str
            ``package.module:Class`` of a `parfocal.app.desktop.panel.Panel`, or the short name that an
            installed package gives to one.
        name : str
            What it is called in the rig; by default ``pump-panel`` of a class ``PumpPanel``.
        column : {0, 1}, optional
            0 for the left column of the window, 1 for the right one; by default where its class says.

        Raises
        ------
        BadInputError
            If one of them can't be, or another panel has that name.
        """
        return self._add("panel", panel, name, column)

    def add_plot(self, plot: str, *, name: str = "", column: int | None = None) -> str:
        """Have every desktop that shows the rig show a time plot; return its name.

        As `add_panel`, for a class of `parfocal.app.desktop.time_plot.TimePlot`.
        """
        return self._add("plot", plot, name, column)

    def remove_panel(self, name: str) -> None:
        """Have no desktop show a panel that was added; `BadInputError` if there is none of that name."""
        self["rig"].remove_panel("panel", name, timeout_s=_LOOK_S)

    def remove_plot(self, name: str) -> None:
        """Have no desktop show a plot that was added; `BadInputError` if there is none of that name."""
        self["rig"].remove_panel("plot", name, timeout_s=_LOOK_S)

    def _add(self, kind: Literal["panel", "plot"], named: str, name: str, column: int | None) -> str:
        added = added_panel(kind, named, name, column)
        self["rig"].add_panel(added, timeout_s=_LOOK_S)
        return added.name
