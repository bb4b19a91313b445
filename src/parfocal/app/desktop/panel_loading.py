"""The classes of panels and plots of others: imported in a thread, checked, told in their place if wrong."""

from __future__ import annotations

import logging
import sys
import threading
from typing import TYPE_CHECKING, Any, ClassVar

import qtawesome
from PySide6.QtGui import QIcon

from parfocal.app.desktop.panel import Panel
from parfocal.app.desktop.plot_panel import plot_panel
from parfocal.app.desktop.time_plot import TimePlot
from parfocal.core.errors import BadInputError, ConfigError
from parfocal.processes.loading import load_object

if TYPE_CHECKING:
    from parfocal.app.desktop.session import Session
    from parfocal.core.status import AddedPanel

_log = logging.getLogger(__name__)
_AREAS = ("left", "right", "bottom")
_LONGEST_S = 86_400.0


class FailedPanel(Panel):
    """Stands for a panel that cannot be had, and tells why in its place."""

    title: ClassVar = ""
    icon: ClassVar = "fa6s.circle-exclamation"
    error: ClassVar[str] = ""

    def __init__(self, session: Session, subject: str = "") -> None:
        super().__init__(session, subject)
        raise BadInputError(self.error)


class PanelLoader:
    """Imports classes that a rig names, each in a thread of its own: an import may take long."""

    def __init__(self) -> None:
        self._loaded: dict[AddedPanel, type[Panel]] = {}
        self._begun: set[AddedPanel] = set()

    def take(self, added: AddedPanel) -> type[Panel] | None:
        """Return the class of a panel, `FailedPanel` of one that can't be had; None while it is imported."""
        if added not in self._begun:
            self._begun.add(added)
            name = f"import of {added.address}"
            threading.Thread(target=self._load, args=(added,), name=name, daemon=True).start()
        return self._loaded.get(added)

    def _load(self, added: AddedPanel) -> None:
        try:
            if added.folder and added.folder not in sys.path:
                sys.path.append(added.folder)  # last, so that it can hide nothing
            what = f"{added.kind} {added.name!r}, {added.address},"
            found = panel_class(load_object(added.address, what), added.kind)
        except ConfigError as error:
            _log.warning("%s", error)
            found = type("FailedPanel", (FailedPanel,), {"title": added.name, "error": str(error)})
        self._loaded[added] = found


def panel_icon(name: str, color: str) -> QIcon:
    """Return the icon of a panel; none where qtawesome has none of that name."""
    try:
        found: QIcon = qtawesome.icon(name, color=color)
    except Exception:  # noqa: BLE001 - qtawesome raises nothing narrower; panels may be anybody's: logged
        _log.warning("no icon is called %r; see qta-browser for those that are", name)
        return QIcon()
    return found


def panel_class(found: Any, kind: str) -> type[Panel]:
    """Return what was imported as a panel, if it can be one; that of a time plot draws it.

    Parameters
    ----------
    kind : str
        "panel" or "plot", which it has to be.

    Raises
    ------
    ConfigError
        If it is no such class, or lacks what docks are made from.

    Examples
    --------
    >>> panel_class(int, "plot")
    Traceback (most recent call last):
    parfocal.core.errors.ConfigError: int is no class of parfocal.app.desktop.time_plot.TimePlot
    """
    base = Panel if kind == "panel" else TimePlot
    name = getattr(found, "__name__", repr(found))
    if not (isinstance(found, type) and issubclass(found, base)):
        raise ConfigError(f"{name} is no class of {base.__module__}.{base.__name__}")
    for attribute in ("title", "icon"):
        if not isinstance(getattr(found, attribute, None), str):
            raise ConfigError(f"{name} has no {attribute}, which its dock is called by or has; give it one")
    if found.area not in _AREAS:
        raise ConfigError(f"the area of {name} must be one of {', '.join(_AREAS)}, not {found.area!r}")
    if issubclass(found, Panel):
        return found
    if not isinstance(found.seconds, int | float) or not 0 < found.seconds < _LONGEST_S:
        raise ConfigError(f"the seconds of {name} must be above 0, less than a day, not {found.seconds!r}")
    streams = getattr(found, "streams", None)
    if not streams or isinstance(streams, str) or not all(isinstance(stream, str) for stream in streams):
        raise ConfigError(f"the streams of {name} must be a tuple of names, not {streams!r}")
    return plot_panel(found)
