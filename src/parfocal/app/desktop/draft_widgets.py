"""What the editors of drafts have in common: they ask before one is replaced, and choose its file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog

from parfocal.app.run_window.question_bar import QuestionBar

if TYPE_CHECKING:
    from collections.abc import Callable

    from PySide6.QtWidgets import QWidget
    from superqt import QElidingLabel

    from parfocal.viewers.qt.theme import Theme


class DraftQuestion(QuestionBar):
    """Asks before a draft is replaced that is in no file.

    Parameters
    ----------
    theme : Theme
        Its colours.
    what : str
        What the draft is called.
    """

    def __init__(self, theme: Theme, what: str) -> None:
        self._what = what
        self._then: Callable[[], None] = lambda: None
        super().__init__(theme, {"Drop it": lambda _: self._drop(), "Keep it": lambda _: self.ask("")})

    def guard(self, act: Callable[[], None], *, is_lost: bool) -> None:
        """Do what replaces the draft; ask first if it is lost by that."""
        if not is_lost:
            act()
            return
        self._then = act
        self.ask(f"This {self._what} is not saved. Replace it all the same?")

    def _drop(self) -> None:
        self.ask("")
        self._then()


def choose_file(
    parent: QWidget, title: str, near: str, files: str, act: Callable[[str], None], *, saves_as: str = ""
) -> None:
    """Ask for a file, and call `act` with it, if one is chosen; never waits.

    Parameters
    ----------
    near : str
        The file that is offered.
    files : str
        Which ones are listed, in Qt's words.
    saves_as : str
        The ending of a file that is to be written; "" for one that is there.
    """
    dialog = QFileDialog(parent, title, near, files)
    if saves_as:
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix(saves_as)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.fileSelected.connect(act)
    dialog.open()


def show_file(label: QElidingLabel, path: str, *, is_saved: bool) -> None:
    """Show in which file a draft is, and whether that is as it is here."""
    name = Path(path).name if path else "not saved in a file"
    label.setText(name if is_saved or not path else f"{name}, changed since")
    label.setToolTip(path)
