"""The window of the browser: tree, table, plate, preview and viewers. For the GUI thread.

Everything that takes time is done by others (`Catalogue`, `Thumbnails`, `ViewerWatch`, `Outgoing`); a timer
draws what they have by now.
"""

from __future__ import annotations

from pathlib import PurePath

from msgspec.structs import replace
from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QAction, QCloseEvent, QKeySequence
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QMainWindow,
    QPushButton,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from parfocal.app.browser.arrangement import RowChoice
from parfocal.app.browser.catalogue import Catalogue
from parfocal.app.browser.folder_tree import FolderTree
from parfocal.app.browser.messages import SendRows
from parfocal.app.browser.outgoing import Outgoing
from parfocal.app.browser.pictures import Thumbnails
from parfocal.app.browser.plate_view import PlateView
from parfocal.app.browser.preview import Preview
from parfocal.app.browser.state_line import state_line
from parfocal.app.browser.table import ImageTable
from parfocal.app.browser.table_model import RowModel
from parfocal.app.browser.targets import Target, targets
from parfocal.app.browser.viewer_list import ViewerList
from parfocal.app.browser.viewer_watch import ViewerWatch
from parfocal.viewers.qt.theme import Theme

SIZE = (1280, 800)
_DRAWS_EVERY_MS = 60
_AHEAD = 4
_SEARCH = "search names, wells, channels, kinds, outcomes ...   (also well:A01  t:3..7)"


class BrowserWindow(QMainWindow):
    """Browses a folder.

    Parameters
    ----------
    catalogue : Catalogue
        Of the folder, started; it ends with the window.
    theme : Theme
        Colours of its own widgets; the program's palette is set by `apply_theme`.
    kind : str
        The kind of viewer that is opened if none is chosen.
    """

    def __init__(self, catalogue: Catalogue, theme: Theme, kind: str = "live") -> None:
        super().__init__()
        self.catalogue = catalogue
        self.thumbnails = Thumbnails()
        self.watch = ViewerWatch()
        self.outgoing = Outgoing()
        self._kind = kind
        self._root = root = catalogue.root
        self._choice = RowChoice()
        self._version = self._drawn = -1
        self._target: Target | None = None
        self._make_widgets(theme)
        self._lay_out()
        self.setWindowTitle(f"parfocal: {PurePath(root).name or root}")
        self.resize(*SIZE)
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._draw)
        self._timer.start(_DRAWS_EVERY_MS)

    def send_selected(self) -> None:
        """Send the selected images to the chosen viewer, which is started if it does not run."""
        rows = [row for row in self.table.selected if not row.problem]
        target = self.target.currentData()
        if rows and isinstance(target, Target):
            self.outgoing.send(SendRows(rows, target.name, target.kind))
            self.watch.refresh()

    def closeEvent(self, event: QCloseEvent) -> None:
        """End all that works for this window; viewers stay."""
        self._timer.stop()
        self.close_all()
        super().closeEvent(event)

    def close_all(self) -> None:
        """End threads and processes. Idempotent."""
        for one in (self.catalogue, self.thumbnails, self.outgoing, self.watch):
            one.close()

    def _make_widgets(self, theme: Theme) -> None:
        self.model = RowModel(theme, self.thumbnails)
        self.table = ImageTable(self.model)
        self.table.opened.connect(self.send_selected)
        self.table.sorted_by.connect(self._sort)
        self.table.head.changed.connect(self._choose)
        self.tree = FolderTree(theme, self._root)
        self.tree.chosen.connect(self._choose)
        self.plate = PlateView(theme)
        self.plate.chosen.connect(self._choose_wells)
        self.preview = Preview(theme, self.thumbnails)
        self.viewers = ViewerList(theme, self.watch, self._aim)
        self.search = QLineEdit(placeholderText=_SEARCH, clearButtonEnabled=True)
        self.search.textChanged.connect(self._choose)
        self.target = QComboBox()
        self.target.setMinimumWidth(190)
        self.target.setToolTip("the viewer that images are sent to; it is started if it does not run")
        self.state = QLabel()
        self.sent = QLabel()
        self.trouble = QLabel()
        self.trouble.setObjectName("alarm")

    def _lay_out(self) -> None:
        bar = QHBoxLayout()
        bar.setContentsMargins(0, 0, 0, 0)
        thumbnails = QCheckBox("Thumbnails")
        thumbnails.setChecked(True)
        thumbnails.toggled.connect(self.table.show_thumbnails)
        bar.addWidget(self.search, 1)
        bar.addWidget(self._button("Clear", "show all images again", self._clear))
        bar.addWidget(thumbnails)
        bar.addWidget(
            self._button("Refresh", "look now at what has changed (F5)", self.catalogue.rescan, "F5")
        )
        bar.addSpacing(14)
        bar.addWidget(QLabel("Show in"))
        bar.addWidget(self.target)
        bar.addWidget(
            self._button(
                "Show", "send the selected images there (Enter, or double click)", self.send_selected
            )
        )
        middle = _split(Qt.Orientation.Vertical, (self.table, 570), (self.viewers, 130))
        right = _split(Qt.Orientation.Vertical, (self.preview, 450), (self.plate, 230))
        whole = _split(Qt.Orientation.Horizontal, (self.tree, 170), (middle, 880), (right, 222))
        whole.setStretchFactor(1, 1)
        centre = QWidget()
        layout = QVBoxLayout(centre)
        layout.setContentsMargins(8, 8, 8, 2)
        layout.addLayout(bar)
        layout.addWidget(whole, 1)
        self.setCentralWidget(centre)
        status = self.statusBar()
        status.addWidget(self.state)
        status.addWidget(self.trouble)
        status.addPermanentWidget(self.sent)

    def _button(self, text: str, tip: str, act: object, key: str = "") -> QPushButton:
        button = QPushButton(text)
        button.setToolTip(tip)
        button.clicked.connect(lambda: act())  # type: ignore[operator]
        if key:
            action = QAction(self)
            action.setShortcut(QKeySequence(key))
            action.triggered.connect(lambda: act())  # type: ignore[operator]
            self.addAction(action)
        return button

    def _draw(self) -> None:
        """Show what there is by now."""
        snapshot = self.catalogue.snapshot
        if snapshot.version != self._version:
            self._version = snapshot.version
            self.model.show_rows(snapshot.rows)
            self.plate.show_wells(snapshot.wells)
            self.state.setText(state_line(snapshot))
        self.tree.show_folders(snapshot.folders)
        visible = self.table.visible
        current = self.table.current
        seen = visible if current is None else [current, *visible]
        self.catalogue.want([row.source for row in seen if not row.is_read])
        self.thumbnails.want(seen if self.model.with_thumbnails else seen[:1])
        self.thumbnails.check()
        self.preview.show_row(current)
        if self.thumbnails.version != self._drawn:
            self._drawn = self.thumbnails.version
            self.table.viewport().update()
        self.viewers.look()
        self._offer_targets()
        self.sent.setText(self.outgoing.status)
        self.trouble.setText(self.outgoing.problem)

    def _offer_targets(self) -> None:
        offered = targets([line.info for line in self.watch.lines], self._kind)
        held = [self.target.itemData(number) for number in range(self.target.count())]
        if offered == held:
            return
        chosen = self._target or self.target.currentData()
        self.target.clear()
        for target in offered:
            self.target.addItem(target.words, target)
        place = next((n for n, one in enumerate(offered) if chosen and one.name == chosen.name), 0)
        self.target.setCurrentIndex(place)

    def _aim(self, name: str, kind: str) -> None:
        """Have images sent to a viewer of the list."""
        for number in range(self.target.count()):
            if self.target.itemData(number).name == name:
                self.target.setCurrentIndex(number)
                return
        del kind

    def _choose(self, *_changed: object) -> None:
        items = self.tree.selectedItems()
        folder = str(items[0].data(0, Qt.ItemDataRole.UserRole)) if items else ""
        choice = RowChoice(
            folder="" if folder == self._root else folder,
            search=self.search.text(),
            columns=self.table.head.conditions,
            sort=self._choice.sort,
            descending=self._choice.descending,
        )
        self._apply(choice)

    def _sort(self, column: str, descending: bool) -> None:
        self._apply(replace(self._choice, sort=column, descending=descending))

    def _choose_wells(self, wells: list[str]) -> None:
        self.table.head.set_condition("well", ", ".join(f"={well}" for well in wells))

    def _clear(self) -> None:
        self.search.clear()
        self.table.head.clear_conditions()
        self.plate.mark([])

    def _apply(self, choice: RowChoice) -> None:
        if choice != self._choice:
            self._choice = choice
            self.catalogue.choose(choice)
            condition = choice.columns.get("well", "")
            self.plate.mark([part.strip().removeprefix("=") for part in condition.split(",") if part.strip()])


def _split(orientation: Qt.Orientation, *parts: tuple[QWidget, int]) -> QSplitter:
    splitter = QSplitter(orientation)
    for widget, _ in parts:
        splitter.addWidget(widget)
    splitter.setSizes([size for _, size in parts])
    splitter.setChildrenCollapsible(False)
    return splitter
