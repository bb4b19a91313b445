"""The window of the desktop: toolbar, menus, the stop bar, and the docks of the rig that is shown."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import msgspec
from PySide6.QtCore import QByteArray, Qt, QTimer
from PySide6.QtGui import QAction, QActionGroup, QCloseEvent, QKeySequence
from PySide6.QtWidgets import (
    QApplication,
    QFileDialog,
    QLabel,
    QMainWindow,
    QPushButton,
    QSizePolicy,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from parfocal.app.desktop.dock_area import DockArea
from parfocal.app.desktop.panel_loading import panel_icon
from parfocal.app.desktop.panels import packaged_panels, panel_classes
from parfocal.app.desktop.programs import open_program
from parfocal.app.desktop.search import SearchEntry, panel_entries, service_entries
from parfocal.app.desktop.search_field import SearchField
from parfocal.app.desktop.session import Session
from parfocal.app.desktop.settings_bar import SettingsBar
from parfocal.app.desktop.start_page import StartPage
from parfocal.app.desktop.stop_bar import STOP_KEY, StopBar, can_stop
from parfocal.app.desktop.style import GAP, MARGIN, style_sheet
from parfocal.app.run_window.question_bar import QuestionBar
from parfocal.processes import directory
from parfocal.rig.all_snapshots import AllSnapshots
from parfocal.rig.snapshots import GONE
from parfocal.runs.status_text import progress_text, state_text
from parfocal.viewers.qt.palette import apply_theme
from parfocal.viewers.qt.theme import THEMES, theme_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from PySide6.QtWidgets import QMenu

    from parfocal.app.desktop.kept_window import KeptFile

SIZE = (1280, 800)
TURN_MS = 50
"""How often it shows what is new, and tells panels of answers."""
_SAVES_EVERY_MS = 2000
_LONGEST = 64
_BAR_PX = 40


class DesktopWindow(QMainWindow):
    """A laboratory in one window. For the GUI thread, which never waits.

    Parameters
    ----------
    file : KeptFile
        What is kept of it, and where.
    """

    def __init__(self, file: KeptFile) -> None:
        super().__init__()
        self.file = file
        self.snapshots = AllSnapshots()
        self.theme_name = file.kept.theme if file.kept.theme in THEMES else "dark"
        self.area: DockArea | None = None
        self._wanted = ""
        self.setWindowTitle("parfocal")
        self.resize(*SIZE)
        self.stop_bar = StopBar(theme_of(self.theme_name))
        self.stop_bar.add_key(self)
        self.search = SearchField(self._entries)
        self.search.add_key(self)
        self.search.chosen.connect(self.take_entry)
        self.name, self.state, self.run = QLabel("parfocal"), QLabel(), QToolButton()
        self.start_page = StartPage(theme_of(self.theme_name))
        self.start_page.opened.connect(self.show_rig)
        self.ending = QuestionBar(
            theme_of(self.theme_name),
            {"End the laboratory": lambda _: self._end(), "Let it run": lambda _: self.ending.ask("")},
        )
        self.settings = SettingsBar(theme_of(self.theme_name))
        self.pages = QStackedWidget()
        self.pages.addWidget(self.start_page)
        self._lay_out()
        self._actions: dict[str, QAction] = {}
        self._make_menus()
        self.set_theme(self.theme_name)
        if file.kept.geometry:
            self.restoreGeometry(QByteArray(file.kept.geometry))
        if file.kept.rig in {record.rig for record in directory.rigs()}:
            self.show_rig(file.kept.rig)
        self._turn = QTimer(self)
        self._turn.timeout.connect(self.look)
        self._turn.start(TURN_MS)
        self._saving = QTimer(self)
        self._saving.timeout.connect(self.keep)
        self._saving.start(_SAVES_EVERY_MS)

    @property
    def session(self) -> Session | None:
        """The session of the rig that is shown; None without one."""
        return None if self.area is None else self.area.session

    def choose_rig(self, source: str) -> None:
        """Show a rig that runs; start a built-in one, or that of a file, and show it then."""
        running = {record.rig for record in directory.rigs()}
        if source in running:
            self.show_rig(source)
        else:
            self.show_start_page()
            self.start_page.choose(source)

    def show_start_page(self) -> None:
        """Offer laboratories; the one that was shown runs on."""
        self.leave_rig()
        self.name.setText("parfocal")
        self.state.setText("")
        for action in (self._back_action, self._run_action):
            action.setVisible(False)
        self.setWindowTitle("parfocal")

    def ask_to_end(self) -> None:
        """Ask whether the laboratory shall end."""
        if self.session is not None:
            running = [name for name, run in self.session.snapshot().runs.items() if can_stop(run.state)]
            also = f" Its runs are cancelled: {', '.join(running)}." if running else ""
            self.ending.ask(f"End the laboratory {self.session.rig!r}, for everybody who uses it?{also}")

    def show_rig(self, rig: str) -> None:
        """Show a rig as soon as it is seen to run."""
        self._wanted = rig
        self.look()

    def leave_rig(self) -> None:
        """Show no rig; the one that was shown runs on."""
        self._wanted = ""
        area, self.area = self.area, None
        self.stop_bar.session = None
        if area is not None:
            self.keep_layout(area)
            self.pages.removeWidget(area)
            area.close_all()
            area.deleteLater()

    def look(self) -> None:
        """Show what is new."""
        if self._wanted and self._runs(self._wanted):
            rig, self._wanted = self._wanted, ""
            self._open(rig)
        self.settings.deliver()
        area = self.area
        if area is not None:
            area.refresh()
            if self.area is area:  # an answer may have led away from the rig
                self.stop_bar.refresh()
                self._show_state(area.session)
        else:
            latest = self.snapshots.latest()
            self.start_page.look([name for name in latest if self._runs(name)])

    def take_entry(self, entry: SearchEntry) -> None:
        """Run what was found, or bring it before the person."""
        if entry.kind == "menu":
            self._actions[entry.name].trigger()
        elif self.area is not None and entry.kind == "panel":
            self.area.open(entry.name)
        elif self.area is not None and entry.kind == "control":
            self.area.open(entry.name).focus_on(entry.label)
        elif self.area is not None:
            self.area.show_control(entry.service, entry.name)

    def _entries(self) -> list[SearchEntry]:
        """Return all that can be found now; services that were not asked yet are asked for the next time."""
        found = [SearchEntry("menu", "", name, name.rstrip(" …")) for name in self._actions]
        if self.area is not None:
            for dock in self.area:
                found += panel_entries(dock.objectName(), dock.windowTitle(), dock.kind.controls)
            session = self.area.session
            for service in session.snapshot().rig.services:
                commands, settings = session.commands(service) or (), session.settings(service) or {}
                found += service_entries(service, commands, settings)
        return found

    def set_theme(self, name: str) -> None:
        """Take the colours of a theme."""
        self.theme_name = name
        self._actions[f"{name.capitalize()} colours"].setChecked(True)
        theme = theme_of(name)
        application = QApplication.instance()
        assert isinstance(application, QApplication)
        apply_theme(application, theme)
        if (sheet := style_sheet(theme)) != self.styleSheet():
            self.setStyleSheet(sheet)
        for part in (self.stop_bar, self.ending, self.settings, self.start_page):
            part.set_theme(theme)
        if self.area is not None:
            self.area.set_theme(theme)

    def keep(self) -> None:
        """Have it kept how the window is, so that it opens so again whatever becomes of this one."""
        if self.area is not None:
            self.keep_layout(self.area)
        rig = "" if self.area is None else self.area.session.rig
        kept = msgspec.structs.replace(
            self.file.kept, geometry=bytes(self.saveGeometry().data()), theme=self.theme_name, rig=rig
        )
        self.file.keep(kept)

    def keep_layout(self, area: DockArea) -> None:
        """Keep where the docks of a rig are, once they have been laid out."""
        if not area.is_laid_out:
            return
        layouts = {**self.file.kept.layouts, area.session.rig: area.layout_bytes()}
        self.file.kept = msgspec.structs.replace(self.file.kept, layouts=layouts)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Let go of the rig, which runs on: nothing is asked, and nothing ends."""
        self.close_all()
        super().closeEvent(event)

    def close_all(self) -> None:
        """Keep how the window is; end threads. Idempotent."""
        if not self._turn.isActive():
            return
        self._turn.stop()
        self._saving.stop()
        self.keep()
        self.leave_rig()
        self.start_page.close_all()
        self.settings.close_all()
        self.snapshots.close()

    def _runs(self, rig: str) -> bool:
        snapshot = self.snapshots.latest().get(rig)
        return snapshot is not None and snapshot.rig.state != GONE

    def _open(self, rig: str) -> None:
        self.leave_rig()
        session = Session(rig, self.snapshots, theme_of(self.theme_name))
        self.area = DockArea(session, panel_classes(), packaged_panels())
        self.pages.addWidget(self.area)
        self.pages.setCurrentWidget(self.area)
        QTimer.singleShot(0, self._lay_out_docks)  # once they have their size
        self.stop_bar.session = session
        self.setWindowTitle(f"parfocal: {rig}")
        self.name.setText(rig)

    def _end(self) -> None:
        self.ending.ask("")
        if self.session is not None:
            self.session.ask("rig", "stop").then(lambda _: self.show_start_page())

    def _lay_out_docks(self) -> None:
        if self.area is not None:
            self.area.lay_out(self.file.kept.layouts.get(self.area.session.rig, b""))

    def _show_state(self, session: Session) -> None:
        snapshot = session.snapshot()
        word = "does not answer" if snapshot.error else snapshot.rig.state
        self.state.setText({"running": "", GONE: "has ended"}.get(word, word))
        self._back_action.setVisible(word == GONE)
        runs = {name: run for name, run in snapshot.runs.items() if can_stop(run.state)}
        self._run_action.setVisible(bool(runs))
        told = "; ".join(f"{name}: {state_text(run)}, {progress_text(run)}" for name, run in runs.items())
        told = told if len(told) <= _LONGEST else told[:_LONGEST] + " …"
        if told != self.run.text():
            self.run.setText(told)

    def _lay_out(self) -> None:
        bar = self.addToolBar("toolbar")
        bar.setObjectName("toolbar")
        bar.setMovable(False)
        bar.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
        self.name.setObjectName("heading")
        self.state.setObjectName("alarm")
        spring = QWidget()
        spring.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.run.setObjectName("plain")
        self.run.setToolTip("The run that goes on: show it")
        self.run.clicked.connect(lambda: self.area is not None and self.area.open("runs"))
        bar.setFixedHeight(_BAR_PX)  # whatever stands in it, and without the margins that some styles add
        bar.addWidget(_gap(GAP))
        bar.addWidget(self.name)
        bar.addWidget(self.state)
        back = QPushButton("Start page")
        back.clicked.connect(self.show_start_page)
        self._back_action = bar.addWidget(back)
        self._back_action.setVisible(False)
        self._run_action = bar.addWidget(self.run)
        self._run_action.setVisible(False)
        for widget in (spring, self.search, _gap(MARGIN), self.stop_bar.button, _gap(0)):
            bar.addWidget(widget)
        centre = QWidget()
        column = QVBoxLayout(centre)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.stop_bar)
        ending = QVBoxLayout()
        ending.setContentsMargins(GAP, 0, GAP, 0)
        ending.addWidget(self.ending)
        column.addLayout(ending)
        column.addWidget(self.settings)
        column.addWidget(self.pages, 1)
        self.setCentralWidget(centre)

    def _make_menus(self) -> None:
        laboratory = self.menuBar().addMenu("&Laboratory")
        self._add(laboratory, "Start page", "Ctrl+L", self.show_start_page)
        laboratory.addSeparator()
        self._add(laboratory, "Stop …", "", self.stop_bar.ask).setText(f"Stop …\t{STOP_KEY}")
        settings = self.settings
        for text, act in (
            ("Save all settings …", settings.choose_to_save),
            ("Take settings of a file …", settings.choose_to_take),
        ):
            self._add(laboratory, text, "", partial(self._with_rig, act))
        laboratory.addSeparator()
        self._add(laboratory, "End the laboratory …", "", self.ask_to_end)
        laboratory.addSeparator()
        self._add(laboratory, "Close this window; everything runs on", "Ctrl+Q", self.close)
        windows = self.menuBar().addMenu("&Windows")
        self._add(windows, "Browse recordings …", "Ctrl+B", self._browse)
        self.viewers_menu = windows.addMenu("Viewer of")
        self.viewers_menu.aboutToShow.connect(self._list_streams)
        self.panels_menu = self.menuBar().addMenu("&Panels")
        self.panels_menu.aboutToShow.connect(self._list_panels)
        view = self.menuBar().addMenu("&View")
        themes = QActionGroup(self)
        for name in THEMES:
            action = self._add(view, f"{name.capitalize()} colours", "", partial(self.set_theme, name))
            action.setCheckable(True)
            action.setChecked(name == self.theme_name)
            themes.addAction(action)
        view.addSeparator()
        self._add(view, "Lay out all panels anew", "", self._reset_layout)

    def _add(self, menu: QMenu, text: str, key: str, act: Callable[[], object]) -> QAction:
        action = menu.addAction(text)
        if key:
            action.setShortcut(QKeySequence(key))
        action.triggered.connect(lambda _=False: act())
        self._actions[text] = action
        return action

    def _list_panels(self) -> None:
        self.panels_menu.clear()
        if self.area is not None:
            for dock in self.area:
                action = dock.toggleViewAction()
                action.setIcon(panel_icon(dock.kind.icon, theme_of(self.theme_name).text))
                self.panels_menu.addAction(action)

    def _list_streams(self) -> None:
        """Offer a viewer of each stream of frames."""
        self.viewers_menu.clear()
        streams = {} if self.session is None else self.session.snapshot().rig.streams
        for name in [name for name, stream in streams.items() if stream.kind == "frames"]:
            source = f"{self.session.rig}/{name}" if self.session is not None else name
            arguments = ("view", source, "--name", f"{name}-viewer", "--theme", self.theme_name)
            self.viewers_menu.addAction(name).triggered.connect(partial(self._open_program, arguments))

    def _with_rig(self, act: Callable[[str], None]) -> None:
        """Do something with the rig that is shown, if one is."""
        if self.session is not None:
            act(self.session.rig)

    def _open_program(self, arguments: tuple[str, ...], _checked: bool = False) -> None:
        open_program(*arguments)

    def _browse(self) -> None:
        """Ask for a folder of recordings, and open the browser on it."""
        dialog = QFileDialog(self, "Which folder of recordings?")
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda folder: open_program("browse", folder, "--theme", self.theme_name))
        dialog.open()

    def _reset_layout(self) -> None:
        if self.area is not None:
            self.area.lay_out()


def _gap(width_px: int) -> QWidget:
    gap = QWidget()
    gap.setFixedWidth(width_px)
    return gap
