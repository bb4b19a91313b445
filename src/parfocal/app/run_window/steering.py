"""The buttons that steer a run, always in one place: Start, Pause or Resume, Stop; and what they ask back."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, cast

import qtawesome
from qtpy.QtWidgets import QHBoxLayout, QMenu, QPushButton, QToolButton, QVBoxLayout, QWidget

from parfocal.app.run_window.question_bar import QuestionBar

if TYPE_CHECKING:
    from collections.abc import Callable

    from parfocal.app.run_window.run_view import Action, RunView
    from parfocal.core.run_status import ResumePolicy
    from parfocal.runs.handle import RunHandle
    from parfocal.viewers.qt.theme import Theme

    Ask = Callable[[str, Callable[[RunHandle], object]], None]

_WHY = "from the window"
_NOTE = "What should be known of it (kept in the record)"
_POLICIES: dict[ResumePolicy, str] = {
    "shift": "Move the rest of the schedule on by the pause",
    "catch up": "Catch up with the schedule",
    "skip": "Leave out what is overdue",
}
_ICONS = {
    "start": "fa6s.play",
    "drop": "fa6s.xmark",
    "pause": "fa6s.pause",
    "resume": "fa6s.play",
    "stop": "fa6s.stop",
}


class Steering(QWidget):
    """Shows the buttons for what can be asked of a run now.

    Parameters
    ----------
    theme : Theme
        Its colours.
    ask : callable
        Called with the word for what a person wants, and what does it with the handle of the run.
    """

    def __init__(self, theme: Theme, ask: Ask) -> None:
        super().__init__()
        self._ask = ask
        self._theme = theme
        self._shown = self._stopping = ""
        self.start = self._button("Start", "start", lambda: self._ask("start", lambda run: run.start()))
        self.drop = self._button("Drop", "drop", partial(self._cancel, "drop"))
        self.pause = self._button("Pause", "pause", lambda: self._ask("pause", lambda run: run.pause(_WHY)))
        self.resume = self._resume_button()
        self.stop = self._button("Stop …", "stop", self._ask_how_to_stop)
        self.how_to_stop = QuestionBar(
            theme,
            {
                "Finish the event in hand": lambda _: self._finish(),
                "Stop at once": lambda _: self._cancel("stop"),
                "Let it go on": lambda _: self._leave(),
            },
        )
        self._choices: tuple[str, ...] = ()
        self.question = QuestionBar(theme, self._answers(()), _NOTE)
        row = QHBoxLayout()
        for button in (self.start, self.drop, self.pause, self.resume):
            row.addWidget(button)
        row.addStretch(1)
        row.addWidget(self.stop)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(row)
        column.addWidget(self.how_to_stop)
        column.addWidget(self.question)
        self.set_theme(theme)
        self.show_view(None)

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        self._theme = theme
        for word, button in self._buttons().items():
            colour = theme.alarm if word == "stop" else theme.good if word == "start" else theme.text
            button.setIcon(qtawesome.icon(_ICONS[word], color=colour, color_disabled=theme.faint))
        self.how_to_stop.set_theme(theme)
        self.question.set_theme(theme)

    def show_view(self, view: RunView | None) -> None:
        """Offer what can be asked of this run now."""
        actions = view.actions if view is not None else frozenset()
        prepared = "start" in actions
        self.start.setVisible(prepared)
        self.drop.setVisible(prepared)
        self.resume.setVisible("resume" in actions)
        self.pause.setVisible(not prepared and "resume" not in actions)
        self.stop.setVisible(not prepared)
        self.pause.setEnabled("pause" in actions)
        self.stop.setEnabled("stop" in actions)
        self._shown = "" if view is None else view.name
        if self._stopping != self._shown or "stop" not in actions:
            self._stopping = ""  # what was asked of one run is not answered for the next
        self.how_to_stop.ask(f"How should {self._stopping} be stopped?" if self._stopping else "")
        if view is None:
            self.question.ask("")
            return
        if view.choices != self._choices:
            self._choices = view.choices
            self.question.set_answers(self._answers(view.choices), "" if view.choices else _NOTE)
        text = view.question.removesuffix(f" ({', '.join(view.choices)})")
        self.question.ask(text, (view.name, view.question, view.asked_by))

    def _answers(self, choices: tuple[str, ...]) -> dict[str, Callable[[str], object]]:
        """Return what may be answered: one of the choices, or yes and no."""
        if choices:
            return {choice: partial(self._choose, choice) for choice in choices}
        return {"Yes, go on": partial(self._confirm, True), "No, stop the run": partial(self._confirm, False)}

    def _buttons(self) -> dict[Action, QPushButton | QToolButton]:
        return {
            "start": self.start,
            "drop": self.drop,
            "pause": self.pause,
            "resume": self.resume,
            "stop": self.stop,
        }

    def _button(self, text: str, word: str, act: Callable[[], None]) -> QPushButton:
        button = QPushButton(text)
        button.setObjectName(word)
        button.setMinimumWidth(96)
        button.clicked.connect(lambda _=False: act())
        return button

    def _resume_button(self) -> QPushButton:
        """Return the button that resumes; its menu says what becomes of the schedule."""
        button = QPushButton("Resume")
        button.setObjectName("resume")
        button.setMinimumWidth(110)
        menu = QMenu(button)
        for policy, text in _POLICIES.items():
            menu.addAction(text).triggered.connect(lambda _=False, policy=policy: self._resume(policy))
        button.setMenu(menu)
        return button

    def _resume(self, policy: ResumePolicy) -> None:
        self._ask("resume", lambda run: run.resume(policy))

    def _ask_how_to_stop(self) -> None:
        self._stopping = self._shown
        self.how_to_stop.ask(f"How should {self._stopping} be stopped?")

    def _leave(self) -> None:
        self._stopping = ""
        self.how_to_stop.ask("")

    def _finish(self) -> None:
        self._leave()
        self._ask("finish", lambda run: run.finish(_WHY))

    def _cancel(self, word: str) -> None:
        self._leave()
        self._ask(word, lambda run: run.cancel(_WHY))

    def _choose(self, choice: str, note: str) -> None:
        """Answer with a choice: a note has no place beside it."""
        del note
        self._confirm(True, choice)

    def _confirm(self, answer: bool, text: str) -> None:
        _, question, event = cast("tuple[str, str, int]", self.question.answers_to)
        self._ask("answer", lambda run: run.confirm(answer, text, question=question, event=event))
