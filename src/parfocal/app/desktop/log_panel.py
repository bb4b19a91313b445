"""The log of the rig, the newest last, with filters for how serious, which service and which words."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, ClassVar

from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLineEdit, QPlainTextEdit, QVBoxLayout, QWidget

from parfocal.app.desktop.log_tail import LEVELS, LogEntry, LogTail, chosen_entries
from parfocal.app.desktop.panel import Panel
from parfocal.app.desktop.style import GAP
from parfocal.processes import directory

if TYPE_CHECKING:
    from collections.abc import Sequence

    from parfocal.app.desktop.session import Session
    from parfocal.viewers.qt.theme import Theme

_SHOWN = 1000
"""The newest records that are shown; a filter looks through all that are kept."""
_ALL = "all services"


class LogPanel(Panel):
    """Shows what all services have logged."""

    title: ClassVar = "Log"
    icon: ClassVar = "fa6s.list"
    area: ClassVar = "bottom"
    controls: ClassVar = ("words to look for",)

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._tail = LogTail(directory.runtime_folder(session.rig) / "rig.log")
        self._shown: tuple[Sequence[LogEntry], tuple[str, str, str]] = ((), ("", "", ""))
        self.level, self.service, self.words = QComboBox(), QComboBox(), QLineEdit()
        self.level.addItems([level.lower() for level in LEVELS])
        self.level.setCurrentText("info")
        self.level.setToolTip("Show what is at least so serious")
        self.service.addItem(_ALL)
        self.words.setPlaceholderText("words to look for")
        self.words.setClearButtonEnabled(True)
        self.text = QPlainTextEdit()
        self.text.setReadOnly(True)
        self.text.setMaximumBlockCount(4 * _SHOWN)
        self.text.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self._widget = self._lay_out()

    def refresh(self) -> None:
        """Show what is new, or what another filter chooses; the view stays where a person has scrolled it."""
        self._list_services()
        service = self.service.currentText()
        choice = (
            self.level.currentText().upper(),
            "" if service == _ALL else service,
            self.words.text(),
        )
        entries = self._tail.entries
        if (entries, choice) == self._shown or (entries is self._shown[0] and choice == self._shown[1]):
            return
        self._shown = (entries, choice)
        bar = self.text.verticalScrollBar()
        follows, place = bar.value() >= bar.maximum() - 2, bar.value()
        self.text.clear()
        found = chosen_entries(entries, *choice)[-_SHOWN:]
        self.text.appendHtml("<br>".join(self._html(entry) for entry in found))
        bar.setValue(bar.maximum() if follows else place)

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        del theme
        self._shown = ((), ("", "", ""))

    def close(self) -> None:
        """Read no more."""
        self._tail.close()

    def _list_services(self) -> None:
        names = [_ALL, *self.session.snapshot().rig.services]
        if len(names) > 1 and names != [self.service.itemText(n) for n in range(self.service.count())]:
            chosen = self.service.currentText()
            self.service.clear()
            self.service.addItems(names)
            self.service.setCurrentText(chosen if chosen in names else _ALL)

    def _html(self, entry: LogEntry) -> str:
        theme = self.session.theme
        tones = {
            "WARNING": theme.curves[1],
            "ERROR": theme.alarm,
            "CRITICAL": theme.alarm,
            "DEBUG": theme.faint,
        }
        text = html.escape(entry.text).replace("\n", "<br>").replace("  ", "&nbsp; ")
        return (
            f"<span style='color:{theme.faint}'>{entry.time}</span>&nbsp; "
            f"<span style='color:{theme.accent}'>{html.escape(entry.service)}</span>&nbsp; "
            f"<span style='color:{tones.get(entry.level, theme.text)}'>{text}</span>"
        )

    def _lay_out(self) -> QWidget:
        row = QHBoxLayout()
        row.setSpacing(GAP)
        row.addWidget(self.level)
        row.addWidget(self.service)
        row.addWidget(self.words, 1)
        whole = QWidget()
        column = QVBoxLayout(whole)
        column.setContentsMargins(GAP, GAP, GAP, GAP)
        column.setSpacing(GAP)
        column.addLayout(row)
        column.addWidget(self.text, 1)
        return whole
