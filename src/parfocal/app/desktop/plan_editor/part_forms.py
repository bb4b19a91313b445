"""The forms of parts that are no sequences: a wait, a question, free frames; and any other plan as YAML."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QLabel, QPlainTextEdit, QVBoxLayout, QWidget

from parfocal.app.desktop.plan_editor.plan_fault import place_of
from parfocal.app.desktop.plan_editor.ways_form import FieldLine, PlanField
from parfocal.app.desktop.plan_editor.yaml_text import read_yaml, shown_yaml
from parfocal.app.desktop.style import GAP

if TYPE_CHECKING:
    from parfocal.app.desktop.plan_editor.plan_draft import PlanPart

LINE_FORMS: dict[str, tuple[str, tuple[PlanField, ...]]] = {
    "wait": (
        "Nothing for a while, with the light off, once all positions before it are acquired.",
        (PlanField("duration_s", "seconds", first=10.0, width=90),),
    ),
    "confirm": (
        "Asks a person, with the light off until the answer.",
        (
            PlanField("text", "question", "text", first="Is the drug in?", width=330),
            PlanField("timeout_s", "waits for, s", empty="ever", width=80),
        ),
    ),
    "acquire": (
        "The camera runs by itself, as fast as it is set to: so many frames, or so many seconds.",
        (
            PlanField("count", "frames", first=100, empty="any", width=90),
            PlanField("seconds", "seconds", empty="any", width=90),
        ),
    ),
}
"""For each type of part: what it does in words, and its fields."""


class LineForm(QWidget):
    """Edits a part that has a few fields.

    Parameters
    ----------
    kind : str
        The type of the part, of `LINE_FORMS`.

    Signals
    -------
    edited
        A person has changed something.
    """

    edited = Signal()

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind
        self._others: PlanPart = {}
        words, fields = LINE_FORMS[kind]
        told, self.fault = QLabel(words), QLabel()
        self.line = FieldLine(fields)
        self.line.edited.connect(self.edited)
        told.setObjectName("faint")
        self.fault.setObjectName("alarm")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, GAP, GAP, 0)
        column.setSpacing(GAP)
        for widget in (told, self.line, self.fault):
            column.addWidget(widget)
        for label in (told, self.fault):
            label.setWordWrap(True)
        column.addStretch(1)

    def show_part(self, part: PlanPart) -> None:
        """Show a part."""
        known = {"type", *self.line.inputs}
        self._others = {key: value for key, value in part.items() if key not in known}
        self.line.show_values(part)

    def part(self) -> PlanPart:
        """Return the part as it is now."""
        return {"type": self.kind, **self._others, **self.line.values()}

    def show_fault(self, message: str) -> bool:
        """Tell what is wrong below the fields."""
        self.fault.setText(message)
        self.line.show_fault(place_of(message).field or message.partition(" ")[0], message)
        return bool(message)


class YamlForm(QWidget):
    """Edits a part that has no form of its own, such as a call or sequences side by side, as YAML.

    Signals
    -------
    edited
        A person has changed something.
    """

    edited = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.text, self.fault = QPlainTextEdit(), QLabel()
        told = QLabel("This part has no form: here it is as YAML.")
        told.setObjectName("faint")
        self.fault.setObjectName("alarm")
        self.fault.setWordWrap(True)
        self.fault.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.text.textChanged.connect(self.edited)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, GAP, GAP, 0)
        column.setSpacing(GAP)
        for widget in (told, self.text, self.fault):
            column.addWidget(widget)

    def show_part(self, part: PlanPart) -> None:
        """Show a part."""
        if part != self.part():
            self.text.blockSignals(True)
            self.text.setPlainText(shown_yaml(part))
            self.text.blockSignals(False)

    def part(self) -> PlanPart:
        """Return the part as it is now; a text that is none is refused by the plan."""
        found: Any = read_yaml(self.text.toPlainText())
        return found if isinstance(found, dict) else {"type": str(found)}

    def show_fault(self, message: str) -> bool:
        """Tell what is wrong below the text."""
        self.fault.setText(message)
        return bool(message)
