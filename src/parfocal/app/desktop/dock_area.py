"""The docks of one rig: a dock for each panel, made when it is first seen, laid out as they were last."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QByteArray, QSize, Qt, QTimer
from PySide6.QtWidgets import QDockWidget, QLabel, QMainWindow, QTabWidget, QVBoxLayout, QWidget

from parfocal.app.desktop.instruments_panel import InstrumentsPanel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from parfocal.app.desktop.panel import Panel
    from parfocal.app.desktop.session import Session
    from parfocal.viewers.qt.theme import Theme

_LOG = logging.getLogger(__name__)
_AREAS = {
    "left": Qt.DockWidgetArea.LeftDockWidgetArea,
    "right": Qt.DockWidgetArea.RightDockWidgetArea,
    "bottom": Qt.DockWidgetArea.LeftDockWidgetArea,  # below what is looked at
}
"""Qt's areas. Without its bottom: where nothing is above that, each change of any widget moves its edge."""
_RIGHT_PX, _BOTTOM_PX = 430, 270


class PanelDock(QDockWidget):
    """A dock that makes its panel when it is first seen, and lives on without it if it fails.

    Parameters
    ----------
    name : str
        By which layouts know it.
    kind : type of Panel
        Its class.
    make : callable
        Returns the panel.
    """

    def __init__(self, name: str, kind: type[Panel], make: Callable[[], Panel], title: str) -> None:
        super().__init__(title)
        self.setObjectName(name)
        self.kind = kind
        self.panel: Panel | None = None
        self.is_seen = False
        self._make: Callable[[], Panel] | None = make
        frame = _PanelFrame()
        self._place = QVBoxLayout(frame)
        self._place.setContentsMargins(0, 0, 0, 0)
        self.setWidget(frame)
        self.visibilityChanged.connect(self._seen)

    def refresh(self) -> None:
        """Have the panel show what is new, if it can be seen."""
        if self.is_seen and self.panel is not None:
            self._guarded(self.panel.refresh)

    def set_theme(self, theme: Theme) -> None:
        """Give the panel other colours."""
        if self.panel is not None:
            panel = self.panel
            self._guarded(lambda: panel.set_theme(theme))

    def show_title(self, shown: bool) -> None:
        """Show its title, or none: where it shares its place, a tab tells it."""
        if shown and self.titleBarWidget() is not None:
            self.setTitleBarWidget(None)  # type: ignore[arg-type]
        elif not shown and self.titleBarWidget() is None:
            self.setTitleBarWidget(QWidget())

    def close_panel(self) -> None:
        """Have the panel let go of what it has opened."""
        panel, self.panel, self._make = self.panel, None, None
        if panel is not None:
            self._guarded(panel.close)

    def _seen(self, seen: bool) -> None:
        self.is_seen = seen
        if seen and self._make is not None:
            make, self._make = self._make, None
            self._guarded(lambda: self._fill(make()))

    def _fill(self, panel: Panel) -> None:
        self.panel = panel
        self._put(panel.widget())
        panel.refresh()

    def _guarded(self, act: Callable[[], None]) -> None:
        """Let a panel do something; one that raises is told in its place, and asked no more."""
        try:
            act()
        except Exception as error:  # noqa: BLE001 - the border of a panel, which may be anybody's: logged
            _LOG.exception("panel %r failed", self.objectName())
            self.panel = None
            told = QLabel(f"This panel has failed: {error}")
            told.setObjectName("alarm")
            told.setWordWrap(True)
            told.setMargin(12)
            self._put(told)

    def _put(self, widget: QWidget) -> None:
        """Have a widget in place of the one before."""
        while (item := self._place.takeAt(0)) is not None:
            if (before := item.widget()) is not None:
                before.hide()
                before.deleteLater()
        self._place.addWidget(widget)


class _PanelFrame(QWidget):
    """What a dock holds for good, always of the same hint: no panel changes the size of its dock."""

    def sizeHint(self) -> QSize:
        """Return a size that fits everywhere."""
        return QSize(200, 150)


class DockArea(QMainWindow):
    """All docks of a session.

    Parameters
    ----------
    session : Session
        The rig; closed with this.
    kinds : dict of str to type of Panel
        The panels that are offered, by name.
    """

    def __init__(self, session: Session, kinds: dict[str, type[Panel]]) -> None:
        super().__init__()
        self.session = session
        self.setDockOptions(
            QMainWindow.DockOption.AllowNestedDocks
            | QMainWindow.DockOption.AllowTabbedDocks
            | QMainWindow.DockOption.GroupedDragging
        )
        self.setTabPosition(Qt.DockWidgetArea.AllDockWidgetAreas, QTabWidget.TabPosition.North)
        self.docks: dict[str, PanelDock] = {}
        self.is_laid_out = False
        for name, kind in kinds.items():
            if kind.fits(session.snapshot()):
                for subject in kind.subjects(session.snapshot()):
                    title = f"{kind.title}: {subject}" if subject else kind.title
                    made = partial(kind, session, subject) if subject else partial(kind, session)
                    # hidden until they are laid out: stacked, they would make the window higher
                    self.add(f"{name} {subject}".strip(), kind, made, title).hide()

    def __iter__(self) -> Iterator[PanelDock]:
        return iter(self.docks.values())

    def add(self, name: str, kind: type[Panel], make: Callable[[], Panel], title: str) -> PanelDock:
        """Add a dock, at the place of its area."""
        dock = self.docks[name] = PanelDock(name, kind, make, title)
        self.addDockWidget(_AREAS[kind.area], dock)
        return dock

    def lay_out(self, kept: bytes = b"") -> None:
        """Put the docks where they were; where the panels say, if nothing is kept or it can't be restored."""
        self.is_laid_out = True
        if kept and self.restoreState(QByteArray(kept)) and any(not dock.isHidden() for dock in self):
            return
        first: dict[str, PanelDock] = {}
        for dock in self:
            dock.setFloating(False)
            self.addDockWidget(_AREAS[dock.kind.area], dock)
            dock.setVisible(dock.kind.opens)
            if dock.kind.opens and dock.kind.area in first:
                self.tabifyDockWidget(first[dock.kind.area], dock)
            elif dock.kind.opens:
                first[dock.kind.area] = dock
        if "left" in first and "bottom" in first:
            self._put_below(first["left"], first["bottom"])
        for dock in first.values():
            dock.raise_()
        QTimer.singleShot(0, partial(self._share_room, first))

    def _put_below(self, above: PanelDock, below: PanelDock) -> None:
        """Have a dock below another one, with those that share its place."""
        sharing = [
            dock for dock in self if dock.kind.area == "bottom" and dock.kind.opens and dock is not below
        ]
        self.splitDockWidget(above, below, Qt.Orientation.Vertical)
        for dock in sharing:
            self.tabifyDockWidget(below, dock)

    def _share_room(self, first: dict[str, PanelDock]) -> None:
        """Give what steers the width that it needs, what is told some lines, and the rest to the others."""
        seen = first.get("left", first.get("bottom"))
        if seen is not None and "right" in first:
            sizes = [self.width() - _RIGHT_PX, _RIGHT_PX]
            self.resizeDocks([seen, first["right"]], sizes, Qt.Orientation.Horizontal)
        if "bottom" in first and "left" in first:
            down = [first["left"], first["bottom"]]
            self.resizeDocks(down, [self.height() - _BOTTOM_PX, _BOTTOM_PX], Qt.Orientation.Vertical)

    def layout_bytes(self) -> bytes:
        """Return where the docks are, to be kept."""
        return bytes(self.saveState().data())

    def open(self, name: str) -> PanelDock:
        """Show a dock, before those that share its place."""
        dock = self.docks[name]
        dock.show()
        dock.raise_()
        return dock

    def show_control(self, service: str, name: str) -> None:
        """Show a command or a setting of a service; a command that takes nothing is asked for."""
        panel = self.open("instruments").panel
        if isinstance(panel, InstrumentsPanel):
            panel.show_service(service).focus_on(name, run=True)

    def refresh(self) -> None:
        """Tell of requests that have ended, and have all panels that can be seen show what is new."""
        self.session.deliver()
        for dock in self:
            dock.show_title(not self.tabifiedDockWidgets(dock))
            dock.refresh()

    def set_theme(self, theme: Theme) -> None:
        """Give all panels other colours."""
        self.session.theme = theme
        for dock in self:
            dock.set_theme(theme)

    def close_all(self) -> None:
        """Close panels and session; the rig runs on. Idempotent."""
        for dock in self:
            dock.close_panel()
        self.session.close()
