"""The search field: finds any control by words, and runs it or brings it before a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QRect, QStringListModel, Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QCompleter, QLineEdit, QWidget

from parfocal.app.desktop.search import SearchEntry, found_entries

if TYPE_CHECKING:
    from collections.abc import Callable

SEARCH_KEY = "Ctrl+K"
_WIDTH_PX, _LIST_PX = 330, 560


class SearchField(QLineEdit):
    """Lists what it finds while a person types; Enter takes the first, or the one that is chosen.

    Signals
    -------
    chosen : SearchEntry
        What is to be run or shown.
    """

    chosen = Signal(object)

    def __init__(self, entries: Callable[[], list[SearchEntry]]) -> None:
        super().__init__()
        self._entries = entries
        self.found: list[SearchEntry] = []
        self._model = QStringListModel(self)
        self._list = QCompleter(self._model, self)
        self._list.setCompletionMode(QCompleter.CompletionMode.UnfilteredPopupCompletion)
        popup = self._list.popup()
        assert popup is not None
        self._popup = popup
        self._popup.setMinimumWidth(_LIST_PX)
        self._list.activated.connect(self._choose_text)
        self.setPlaceholderText(f"Search commands, settings, panels   ({SEARCH_KEY})")
        self.setClearButtonEnabled(True)
        self.setFixedWidth(_WIDTH_PX)
        self.textEdited.connect(self.search)
        self.returnPressed.connect(lambda: self._choose(0))

    def add_key(self, window: QWidget) -> None:
        """Have the key bring a person here from anywhere in a window."""
        QShortcut(QKeySequence(SEARCH_KEY), window).activated.connect(self._begin)

    def search(self, words: str) -> None:
        """List what these words find."""
        self.found = found_entries(self._entries(), words)
        self._model.setStringList([str(entry) for entry in self.found])
        if self.found:
            self._list.setWidget(self)
            below = QRect(self.width() - _LIST_PX, 0, _LIST_PX, self.height())  # not over the window's edge
            self._list.complete(below)
        else:
            self._popup.hide()

    def _begin(self) -> None:
        self._entries()  # have services asked, before a person has typed
        self.setFocus()
        self.selectAll()

    def _choose_text(self, text: str) -> None:
        shown = [str(entry) for entry in self.found]
        if text in shown:
            self._choose(shown.index(text))

    def _choose(self, number: int) -> None:
        if number < len(self.found):
            entry, self.found = self.found[number], []
            self._popup.hide()
            self.clear()
            self.chosen.emit(entry)
