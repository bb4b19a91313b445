"""The folders that are browsed, as a tree. For the GUI thread."""

from __future__ import annotations

from pathlib import PurePath

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QTreeWidget, QTreeWidgetItem

from parfocal.app.browser.inventory import Folder
from parfocal.viewers.qt.theme import Theme

_AT_ONCE = 400
_PATH = Qt.ItemDataRole.UserRole


class FolderTree(QTreeWidget):
    """Shows folders and data sets; the one that is clicked is what the table shows.

    Signals
    -------
    chosen(str)
        The path of a folder.
    """

    chosen = Signal(str)

    def __init__(self, theme: Theme, root: str) -> None:
        super().__init__()
        self._theme = theme
        self._root = root
        self._items: dict[str, QTreeWidgetItem] = {}
        self._folders: tuple[Folder, ...] = ()
        self._shown: dict[str, Folder] = {}
        self.setHeaderHidden(True)
        self.setIndentation(14)
        self.itemSelectionChanged.connect(self._choose)

    def show_folders(self, folders: tuple[Folder, ...]) -> None:
        """Show these; of very many, some at each call."""
        if folders == self._folders and len(self._shown) == len(folders):
            return
        if folders != self._folders:
            self._folders = folders
            self._remove_gone({folder.path for folder in folders})
        done = 0
        for folder in folders:
            if self._shown.get(folder.path) == folder:
                continue
            self._show(folder)
            done += 1
            if done == _AT_ONCE:
                return

    def _show(self, folder: Folder) -> None:
        item = self._items.get(folder.path)
        if item is None:
            item = QTreeWidgetItem([PurePath(folder.path).name or folder.path])
            item.setData(0, _PATH, folder.path)
            self._items[folder.path] = item
            parent = self._items.get(folder.parent)
            if parent is None:
                self.addTopLevelItem(item)
                item.setExpanded(True)
                self.setCurrentItem(item)
            else:
                parent.addChild(item)
        self._shown[folder.path] = folder
        item.setToolTip(0, "\n".join(part for part in (folder.path, folder.kind, folder.problem) if part))
        if folder.problem:
            item.setForeground(0, QColor(self._theme.alarm))
        elif folder.kind:
            item.setForeground(0, QColor(self._theme.accent))

    def _remove_gone(self, there: set[str]) -> None:
        for path in [path for path in self._shown if path not in there]:
            del self._shown[path]
            item = self._items.pop(path)
            parent = item.parent()
            if parent is not None:
                parent.removeChild(item)

    def _choose(self) -> None:
        items = self.selectedItems()
        if items:
            self.chosen.emit(str(items[0].data(0, _PATH)))
