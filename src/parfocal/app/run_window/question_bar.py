"""A question with its answers as buttons, inside a window: it stops nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QFrame, QLabel, QLineEdit, QPushButton, QVBoxLayout, QWidget
from superqt import QFlowLayout

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from parfocal.viewers.qt.theme import Theme


class QuestionBar(QFrame):
    """Asks something until one of its buttons is pressed.

    Parameters
    ----------
    theme : Theme
        Its colours.
    answers : dict of str to callable
        The buttons, and what each does; it is given what was written.
    note : str
        What the line to write in says while it is empty; "" for none.

    Attributes
    ----------
    answers_to : hashable
        What was asked when the button was pressed whose answer is given: another question may be there since.
    """

    def __init__(self, theme: Theme, answers: dict[str, Callable[[str], object]], note: str = "") -> None:
        super().__init__()
        self.setObjectName("question")
        self._text = QLabel()
        self._text.setWordWrap(True)
        self._note = QLineEdit()
        buttons = QWidget()
        self._row = QFlowLayout(buttons)
        self._row.setContentsMargins(0, 0, 0, 0)
        self.answers_to: Hashable = None
        self._about: Hashable = None
        self.buttons: dict[str, QPushButton] = {}
        self.set_answers(answers, note)
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 8, 12, 8)
        for part in (self._text, self._note, buttons):
            column.addWidget(part)
        self.set_theme(theme)
        self.hide()

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        self.setStyleSheet(f"#question {{ border: 1px solid {theme.curves[1]}; border-radius: 6px; }}")
        self._text.setStyleSheet(f"color: {theme.text}; font-weight: bold")

    def set_answers(self, answers: dict[str, Callable[[str], object]], note: str = "") -> None:
        """Offer other answers, with a line to write in if `note` says what for."""
        self._note.setPlaceholderText(note)
        self._note.setVisible(bool(note))
        for button in self.buttons.values():
            self._row.removeWidget(button)
            button.deleteLater()
        self.buttons = {}
        for word, act in answers.items():
            button = QPushButton(word.replace("&", "&&"))
            button.pressed.connect(self._press)
            button.clicked.connect(lambda _=False, act=act: act(self._take_note()))
            self._row.addWidget(button)
            self.buttons[word] = button

    def ask(self, text: str, about: Hashable = None) -> None:
        """Ask this; "" for nothing. `about` tells one question from another one of the same words."""
        if about != self._about:
            self._note.clear()
        self._about = about
        if text != self._text.text():
            self._text.setText(text)
        self.setVisible(bool(text))

    def _press(self) -> None:
        self.answers_to = self._about

    def _take_note(self) -> str:
        note: str = self._note.text().strip()
        self._note.clear()
        return note
