"""The docks of one rig: a dock for each panel, made when it is first seen, laid out as they were last."""

from __future__ import annotations

import logging
from collections import deque
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QByteArray, QSize, Qt, QTimer
from PySide6.QtWidgets import (
    QAbstractButton,
    QDockWidget,
    QLabel,
    QLineEdit,
    QMainWindow,
    QScrollArea,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from parfocal.app.desktop.instruments_panel import InstrumentsPanel
from parfocal.app.desktop.panel_offers import DockOffer, PanelOffers, subjects_of
from parfocal.rig.snapshots import GONE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from PySide6.QtGui import QResizeEvent

    from parfocal.app.desktop.panel import Area, Panel
    from parfocal.app.desktop.session import Session
    from parfocal.core.status import AddedPanel
    from parfocal.rig.snapshots import RigSnapshot
    from parfocal.viewers.qt.theme import Theme

_LOG = logging.getLogger(__name__)
_AREAS = {
    "left": Qt.DockWidgetArea.LeftDockWidgetArea,
    "right": Qt.DockWidgetArea.RightDockWidgetArea,
    "bottom": Qt.DockWidgetArea.LeftDockWidgetArea,  # below what is looked at
}
"""Qt's areas. Without its bottom: where nothing is above that, each change of any widget moves its edge."""
_RIGHT_PX, _BOTTOM_PX = 450, 280


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
    title : str
        Of the dock.
    area : str
        Where it stands in a layout that nobody has changed; see `Panel`.
    """

    def __init__(
        self, name: str, kind: type[Panel], make: Callable[[], Panel], title: str, area: Area
    ) -> None:
        super().__init__(title)
        self.setObjectName(name)
        self.kind, self.area = kind, area
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

    def focus_on(self, text: str) -> None:
        """Bring what has this text on the panel before a person: a button, or the field of a label."""
        if self.panel is None or (control := control_of(self.panel.widget(), text)) is None:
            return
        parent = control.parentWidget()
        while parent is not None and parent is not self:
            if isinstance(parent, QScrollArea):
                parent.ensureWidgetVisible(control)
            parent = parent.parentWidget()
        control.setFocus(Qt.FocusReason.ShortcutFocusReason)

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

    def make_panel(self) -> None:
        """Make the panel, if that is not done: before it is seen where something is to be done with it."""
        if self._make is not None:
            make, self._make = self._make, None
            self._guarded(lambda: self._fill(make()))

    def close_panel(self) -> None:
        """Have the panel let go of what it has opened."""
        panel, self.panel, self._make = self.panel, None, None
        if panel is not None:
            self._guarded(panel.close)

    def _seen(self, seen: bool) -> None:
        self.is_seen = seen
        if seen:
            self.make_panel()

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
            failed, self.panel = self.panel, None
            if failed is not None:
                self._guarded(failed.close)
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
        Our panels, by name.
    packaged : dict of str to AddedPanel
        Those of installed packages.
    """

    def __init__(
        self, session: Session, kinds: dict[str, type[Panel]], packaged: dict[str, AddedPanel]
    ) -> None:
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
        self._right_px = 0
        self._offers = PanelOffers(kinds, packaged, session.snapshot().rig.panels)
        self._offered: dict[str, DockOffer] = {}
        self._due: deque[PanelDock] = deque()
        self._steps = QTimer(self)
        self._steps.setInterval(0)
        self._steps.timeout.connect(self._refresh_next)
        self._offer(session.snapshot())

    def __iter__(self) -> Iterator[PanelDock]:
        return iter(self.docks.values())

    def add(self, name: str, kind: type[Panel], subject: str = "", area: Area | None = None) -> PanelDock:
        """Add a dock. Before they are laid out it is hidden: stacked, they would make the window higher."""
        one = len(subjects_of(kind, self.session.snapshot())) < 2
        title = kind.title if one else f"{kind.title}: {subject}"
        made = partial(kind, self.session, subject) if subject else partial(kind, self.session)
        dock = self.docks[name] = PanelDock(name, kind, made, title, area or kind.area)
        if not self.is_laid_out:
            self.addDockWidget(_AREAS[dock.area], dock)
            dock.hide()
        elif not self.restoreDockWidget(dock):  # where it was in the layout that is kept
            self._put_beside(dock)
        return dock

    def remove(self, name: str) -> None:
        """Remove a dock with its panel."""
        dock = self.docks.pop(name)
        self._due = deque(each for each in self._due if each is not dock)
        dock.close_panel()
        self.removeDockWidget(dock)
        dock.deleteLater()

    def _offer(self, snapshot: RigSnapshot) -> None:
        """Add docks of what there is to be seen now; those of what others have removed go."""
        offers = self._offers.look(snapshot)
        for name in self._offered.keys() - offers.keys():
            self.remove(name)
        new = {name: offer for name, offer in offers.items() if name not in self.docks}
        for name, offer in new.items():
            self.add(name, offer.kind, offer.subject, offer.area)
        self.docks = {name: self.docks[name] for name in (*offers, *self.docks)}
        self._offered = offers
        for name, offer in new.items() if self.is_laid_out else ():
            dock = self.docks[name]
            if offer.is_new or (dock is self._first_in(dock.area) and not self._covers_writing(dock)):
                dock.raise_()

    def _first_in(self, area: Area) -> PanelDock | None:
        """Return the dock that is in front in a layout that nobody has changed."""
        return next((dock for dock in self if dock.area == area and dock.kind.opens), None)

    def _covers_writing(self, dock: PanelDock) -> bool:
        """Whether a person is at work in a dock that shares its place."""
        used = self.window().focusWidget()
        return used is not None and any(other.isAncestorOf(used) for other in self.tabifiedDockWidgets(dock))

    def _put_beside(self, dock: PanelDock) -> None:
        """Put a new dock beside those of its area, which are laid out."""
        there = [each for each in self if not (each is dock or each.isHidden() or each.isFloating())]
        beside = next((each for each in there if each.area == dock.area), None)
        above = next((each for each in there if each.area == "left"), None)
        self.addDockWidget(_AREAS[dock.area], dock)
        if beside is not None:
            self.tabifyDockWidget(beside, dock)
        elif dock.area == "bottom" and above is not None:
            self.splitDockWidget(above, dock, Qt.Orientation.Vertical)
        dock.setVisible(dock.kind.opens)

    def lay_out(self, kept: bytes = b"") -> None:
        """Put the docks where they were; where the panels say, if nothing is kept or it can't be restored."""
        self.is_laid_out = True
        if kept and self.restoreState(QByteArray(kept)) and any(not dock.isHidden() for dock in self):
            for dock in self:
                if not is_kept(dock.objectName(), kept):
                    self._put_beside(dock)
            return
        first: dict[str, PanelDock] = {}
        for dock in self:  # away with all of them: those that are stacked while others move make it higher
            dock.setFloating(False)
            self.removeDockWidget(dock)
        for dock in self:
            self.addDockWidget(_AREAS[dock.area], dock)
            dock.hide()
            if dock.kind.opens:
                first.setdefault(dock.area, dock)
        if "left" in first and "bottom" in first:  # before others share their places: Qt splits no tabs
            self.splitDockWidget(first["left"], first["bottom"], Qt.Orientation.Vertical)
        for dock in self:
            if dock.kind.opens and dock is not first[dock.area]:
                self.tabifyDockWidget(first[dock.area], dock)
        for dock in self:
            dock.setVisible(dock.kind.opens)
        for dock in first.values():
            dock.raise_()
        QTimer.singleShot(0, partial(self._share_room, first))

    def _share_room(self, first: dict[str, PanelDock]) -> None:
        """Give what steers the width that it needs, what is told some lines, and the rest to the others."""
        seen = first.get("left", first.get("bottom"))
        if seen is not None and "right" in first:
            sizes = [self.width() - _RIGHT_PX, _RIGHT_PX]
            self.resizeDocks([seen, first["right"]], sizes, Qt.Orientation.Horizontal)
        if "bottom" in first and "left" in first:
            down = [first["left"], first["bottom"]]
            self.resizeDocks(down, [self.height() - _BOTTOM_PX, _BOTTOM_PX], Qt.Orientation.Vertical)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Give a wider window's room to what is looked at: what steers stays as wide as it was."""
        super().resizeEvent(event)
        left, right = self._seen_in("left"), self._seen_in("right")
        if self._right_px and left is not None and right is not None:
            sizes = [max(1, left.width() + right.width() - self._right_px), self._right_px]
            self.resizeDocks([left, right], sizes, Qt.Orientation.Horizontal)

    def _seen_in(self, area: Area) -> PanelDock | None:
        """Return the first dock that is seen at a side of the window, wherever it stood at first."""
        there = (dock for dock in self if dock.is_seen and not dock.isFloating())
        return next((dock for dock in there if self.dockWidgetArea(dock) == _AREAS[area]), None)

    def layout_bytes(self) -> bytes:
        """Return where the docks are, to be kept."""
        return bytes(self.saveState().data())

    def open(self, name: str) -> PanelDock:
        """Show a dock, with its panel, before those that share its place."""
        dock = self.docks[name]
        dock.show()
        dock.raise_()
        dock.make_panel()
        return dock

    def show_control(self, service: str, name: str) -> None:
        """Show a command or a setting of a service; a command that takes nothing is asked for."""
        panel = self.open("instruments").panel
        if isinstance(panel, InstrumentsPanel):
            panel.show_service(service).focus_on(name, run=True)

    def refresh(self) -> None:
        """Tell of requests that have ended; have panels that are seen show what is new, one by one."""
        self.session.deliver()
        snapshot = self.session.snapshot()
        if self.is_laid_out and snapshot.rig.state != GONE:
            self._offer(snapshot)
        if not self._due:
            right = self._seen_in("right")
            self._right_px = right.width() if right is not None and self.is_laid_out else 0
            self._due.extend(dock for dock in self if dock.is_seen)
            self._steps.start()
            self._refresh_next()

    def _refresh_next(self) -> None:
        """Have the next panel show what is new: before others are painted, the window answers."""
        if self._due:
            dock = self._due.popleft()
            dock.show_title(not self.tabifiedDockWidgets(dock))
            dock.refresh()
        if not self._due:
            self._steps.stop()

    def set_theme(self, theme: Theme) -> None:
        """Give all panels other colours."""
        self.session.theme = theme
        for dock in self:
            dock.set_theme(theme)

    def close_all(self) -> None:
        """Close panels and session; the rig runs on. Idempotent."""
        self._due.clear()
        self._steps.stop()
        for dock in self:
            dock.close_panel()
        self.session.close()


def control_of(widget: QWidget, text: str) -> QWidget | None:
    """Return the button, or the field of the label, that has a text within a widget; None without one."""
    for button in widget.findChildren(QAbstractButton):
        if button.text().rstrip(" …") == text:
            return button
    for label in widget.findChildren(QLabel):
        if label.text() == text and label.buddy() is not None:
            return label.buddy()
    return next((line for line in widget.findChildren(QLineEdit) if line.placeholderText() == text), None)


def is_kept(name: str, kept: bytes) -> bool:
    """Whether a layout holds a dock: Qt writes its name as UTF-16, after the number of its bytes."""
    written = name.encode("utf-16-be")
    return len(written).to_bytes(4, "big") + written in kept
