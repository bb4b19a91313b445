"""Panels and time plots of others that desktops show of a rig: named in its file, or added to it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, field_validator

from parfocal.core.errors import BadInputError
from parfocal.core.status import AddedPanel
from parfocal.processes import loading
from parfocal.processes.loading import address_of, folder_of
from parfocal.rig.config_names import checked_name

if TYPE_CHECKING:
    from collections.abc import Mapping

GROUP_OF: dict[Literal["panel", "plot"], str] = {"panel": loading.PANELS, "plot": loading.PLOTS}
_COLUMNS = (None, 0, 1)


class PanelConfig(BaseModel):
    """A panel: its class, and where it stands in the window.

    Parameters
    ----------
    kind : str
        A name of an installed package's entry point ``parfocal.panels``, or ``package.module:Class`` of a
        `parfocal.app.desktop.panel.Panel`. A module beside the rig file can be imported.
    column : {0, 1}, optional
        0 for the left column of the window, 1 for the right one; by default where the class says.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    group: ClassVar[str] = loading.PANELS

    kind: str
    column: Literal[0, 1] | None = None

    @field_validator("kind")
    @classmethod
    def _kind_is_an_address(cls, kind: str) -> str:
        try:
            address_of(cls.group, kind)
        except BadInputError as error:
            raise ValueError(str(error)) from error
        return kind


class PlotConfig(PanelConfig):
    """A time plot, in the words of `PanelConfig`: the entry points are ``parfocal.plots``.

    Its class is one of `parfocal.app.desktop.time_plot.TimePlot`.
    """

    group: ClassVar[str] = loading.PLOTS


def panels_of(panels: Mapping[str, PanelConfig], plots: Mapping[str, PlotConfig]) -> tuple[AddedPanel, ...]:
    """Return what a rig file names, as the rig keeps it."""
    return (
        *(added_panel("panel", each.kind, name, each.column) for name, each in panels.items()),
        *(added_panel("plot", each.kind, name, each.column) for name, each in plots.items()),
    )


def added_panel(
    kind: Literal["panel", "plot"], named: str, name: str = "", column: int | None = None
) -> AddedPanel:
    """Return what a rig keeps of a panel or a plot.

    Parameters
    ----------
    kind : {"panel", "plot"}
        Which of the two.
    named : str
        A short name, or the address of a class.
    name : str
        What it is called in the rig; by default that of its class, in small letters.
    column : int, optional
        As for `PanelConfig`.

    Raises
    ------
    BadInputError
        If one of them can't be; names it.

    Examples
    --------
    >>> added_panel("panel", "lab.panels:PumpPanel", column=0).name
    'pump-panel'
    >>> added_panel("panel", "lab.panels:PumpPanel", column=2)
    Traceback (most recent call last):
    parfocal.core.errors.BadInputError: column must be 0 (left), 1 (right) or None (where the class ...
    """
    address = address_of(GROUP_OF[kind], named)
    if column not in _COLUMNS or isinstance(column, bool):
        raise BadInputError(
            f"column must be 0 (left), 1 (right) or None (where the class says), not {column!r}"
        )
    name = name or default_name(named)
    try:
        checked_name(name)
    except ValueError as error:
        raise BadInputError(f"a {kind} cannot be called {name!r}: {error}") from error
    return AddedPanel(kind=kind, name=name, address=address, folder=folder_of(address), column=column)  # type: ignore[arg-type]


def default_name(named: str) -> str:
    """Return what a panel is called that nobody gives a name.

    Examples
    --------
    >>> default_name("lab.panels:XYDriftPlot"), default_name("syringe")
    ('xy-drift-plot', 'syringe')
    """
    class_name = named.rpartition(":")[2]
    parts = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", class_name) if ":" in named else [named]
    return "-".join(parts).lower()[:32]
