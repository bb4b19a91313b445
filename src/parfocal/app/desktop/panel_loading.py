"""The classes of panels and plots of others: imported in a thread, checked, told in their place if wrong."""

from __future__ import annotations

import logging
import sys
import threading
from typing import TYPE_CHECKING, Any, ClassVar

import qtawesome
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QLabel

from parfocal.app.desktop.look import tell
from parfocal.app.desktop.panel import Panel
from parfocal.app.desktop.plot_panel import plot_panel
from parfocal.app.desktop.time_plot import TimePlot
from parfocal.core.clock import SYSTEM_CLOCK, Clock
from parfocal.core.errors import BadInputError, ConfigError
from parfocal.core.status import AddedPanel
from parfocal.processes.loading import load_object

if TYPE_CHECKING:
    from parfocal.app.desktop.session import Session

_log = logging.getLogger(__name__)
_AREAS = ("left", "right", "bottom")
_LONGEST_S = 86_400.0
_MOMENT_S, _TOO_LONG_S = 1.0, 10.0
"""An import that takes longer is told of; and is held for one that hangs."""


class FailedPanel(Panel):
    """Stands for a panel that cannot be had, and tells why in its place."""

    title: ClassVar = ""
    icon: ClassVar = "fa6s.circle-exclamation"
    error: ClassVar[str] = ""

    def __init__(self, session: Session, subject: str = "") -> None:
        super().__init__(session, subject)
        raise BadInputError(self.error)


class PanelLoader:
    """Imports classes of others, each in a thread of its own: an import may take long, or never end.

    Parameters
    ----------
    clock : Clock
        By which an import takes long.
    """

    def __init__(self, clock: Clock = SYSTEM_CLOCK) -> None:
        self._clock = clock
        self._loaded: dict[AddedPanel, type[Panel]] = {}
        self._begun_s: dict[AddedPanel, float] = {}

    def take(self, added: AddedPanel) -> type[Panel] | None:
        """Return the class of a panel, `FailedPanel` of one that can't be had; None while it is imported."""
        if added not in self._begun_s:
            self._begun_s[added] = self._clock.monotonic_ns() / 1e9
            name = f"import of {added.address}"
            threading.Thread(target=self._load, args=(added,), name=name, daemon=True).start()
        return self._loaded.get(added)

    def awaited(self) -> dict[AddedPanel, float]:
        """Return for how long, s, those are imported already that take longer than a moment."""
        now_s = self._clock.monotonic_ns() / 1e9
        return {
            added: now_s - begun_s
            for added, begun_s in self._begun_s.items()
            if added not in self._loaded and now_s - begun_s > _MOMENT_S
        }

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


class AwaitedPanel(Panel):
    """Stands for a panel while it is imported, and tells for how long."""

    title: ClassVar = ""
    icon: ClassVar = "fa6s.hourglass-half"
    loader: ClassVar[PanelLoader]
    added: ClassVar[AddedPanel]

    def __init__(self, session: Session, subject: str = "") -> None:
        super().__init__(session, subject)
        self._widget = self.told = QLabel()
        self.told.setWordWrap(True)
        self.told.setMargin(12)

    def refresh(self) -> None:
        """Tell how long it takes."""
        seconds = self.loader.awaited().get(self.added, 0.0)
        tell(self.told, awaited_text(self.added, seconds), wrong=seconds > _TOO_LONG_S)


def awaited_panel(loader: PanelLoader, added: AddedPanel) -> type[AwaitedPanel]:
    """Return the panel that stands for one that is imported."""
    return type("AwaitedPanel", (AwaitedPanel,), {"title": added.name, "loader": loader, "added": added})


def awaited_text(added: AddedPanel, seconds: float) -> str:
    """Return what is told of an import that takes long.

    Examples
    --------
    >>> pump = AddedPanel(kind="panel", name="pump", address="lab.panels:PumpPanel")
    >>> awaited_text(pump, 3.2)
    "Importing lab.panels for the panel 'pump', for 3 s."
    >>> print(awaited_text(pump, 45.0))
    The import of lab.panels, for the panel 'pump', has not ended within 10 s: it hangs, or is very slow.
    The window goes on without it. Mend or remove lab.panels, then open the window again.
    """
    package = added.address.partition(":")[0]
    if seconds <= _TOO_LONG_S:
        return f"Importing {package} for the {added.kind} {added.name!r}, for {seconds:.0f} s."
    return (
        f"The import of {package}, for the {added.kind} {added.name!r}, has not ended within "
        f"{_TOO_LONG_S:.0f} s: it hangs, or is very slow.\nThe window goes on without it. Mend or remove "
        f"{package}, then open the window again."
    )


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
