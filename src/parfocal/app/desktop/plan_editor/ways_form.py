"""Fields in a line, and a choice of ways that says which: a stack by range and step, or by two heights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QLineEdit, QVBoxLayout, QWidget
from superqt import QFlowLayout

from parfocal.app.desktop.look import set_look
from parfocal.app.desktop.plan_editor.plan_text import (
    shown,
    shown_frames,
    typed,
    typed_frames,
    typed_list,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_READ: dict[str, Callable[[str], Any]] = {"number": typed, "list": typed_list, "frames": typed_frames}
_SHOW: dict[str, Callable[[Any], str]] = {"number": shown, "list": shown, "frames": shown_frames}


class PlanField(NamedTuple):
    """One value of a plan.

    Attributes
    ----------
    key, label : str
        Its name in the plan, and in words with the unit.
    kind : str
        "number", "list" of numbers, "frames" (time points), "text", or "choice".
    choices : dict of str to str
        Of a choice: the words for each value; the first one is the default, and is not written.
    first : Any
        What stands in it when its way is chosen.
    empty : str
        What it means if nothing stands in it.
    width : int
        Pixels.
    """

    key: str
    label: str
    kind: Literal["number", "list", "frames", "text", "choice"] = "number"
    choices: Mapping[str, str] = {}
    first: Any = None
    empty: str = ""
    width: int = 64


class FieldLine(QWidget):
    """Edits the values of some fields.

    Signals
    -------
    edited
        A person has changed one.
    """

    edited = Signal()

    def __init__(self, fields: tuple[PlanField, ...]) -> None:
        super().__init__()
        self.fields = fields
        self.inputs: dict[str, QLineEdit | QComboBox] = {}
        row = QFlowLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        for field in fields:
            row.addWidget(self._pair(field))

    def values(self) -> dict[str, Any]:
        """Return what stands in them; an empty one is left out."""
        read = {field.key: self._read(field) for field in self.fields}
        return {key: value for key, value in read.items() if value is not None}

    def show_values(self, values: Mapping[str, Any]) -> None:
        """Show these."""
        for field in self.fields:
            box, value = self.inputs[field.key], values.get(field.key)
            if isinstance(box, QComboBox):
                box.setCurrentIndex(max(0, box.findData(value)))
                continue
            if self._read(field) != value:  # so that whoever writes 1.0 does not find 1 under the cursor
                box.setText(_SHOW.get(field.kind, shown)(value))
                box.setCursorPosition(0)

    def show_fault(self, key: str, text: str) -> None:
        """Mark the field that is wrong; "" for none."""
        for name, box in self.inputs.items():
            wrong = "wrong" if name == key and text else ""
            if box.objectName() != wrong:
                box.setToolTip(text if wrong else "")
                set_look(box, wrong)

    def _read(self, field: PlanField) -> Any:
        box = self.inputs[field.key]
        if isinstance(box, QComboBox):
            return box.currentData() if box.currentIndex() else None
        return _READ.get(field.kind, _typed_text)(box.text())

    def _pair(self, field: PlanField) -> QWidget:
        label = QLabel(field.label)
        label.setObjectName("faint")
        box = self.inputs[field.key] = self._choice(field) if field.kind == "choice" else self._text(field)
        pair = QWidget()
        row = QHBoxLayout(pair)
        row.setContentsMargins(0, 0, 6, 0)
        row.setSpacing(5)
        row.addWidget(label)
        row.addWidget(box)
        return pair

    def _choice(self, field: PlanField) -> QComboBox:
        box = QComboBox()
        for value, words in field.choices.items():
            box.addItem(words, value)
        box.activated.connect(lambda _: self.edited.emit())
        return box

    def _text(self, field: PlanField) -> QLineEdit:
        box = QLineEdit()
        box.setPlaceholderText(field.empty)
        box.setFixedWidth(field.width)
        box.textEdited.connect(lambda _: self.edited.emit())
        return box


def _typed_text(text: str) -> str | None:
    return text.strip() or None


class WaysForm(QWidget):
    """Edits a mapping that is written in one of several ways, or not at all.

    Parameters
    ----------
    ways : dict of str to tuple of PlanField
        The words for each way, and its fields; the first way has none and stands for nothing.
    others : tuple of PlanField
        Fields of every way but the first.

    Signals
    -------
    edited
        A person has changed something.
    """

    edited = Signal()

    def __init__(self, ways: dict[str, tuple[PlanField, ...]], others: tuple[PlanField, ...] = ()) -> None:
        super().__init__()
        self.ways = ways
        self.box = QComboBox()
        self.box.addItems(list(ways))
        self.box.activated.connect(self._choose)
        self.lines = {way: FieldLine(fields) for way, fields in ways.items()}
        self.others = FieldLine(others)
        head = QHBoxLayout()
        head.addWidget(self.box)
        head.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addLayout(head)
        for line in (*self.lines.values(), self.others):
            line.edited.connect(self.edited)
            column.addWidget(line)
        self._show_way(next(iter(ways)))

    @property
    def way(self) -> str:
        """Which way is chosen."""
        return self.box.currentText()

    def value(self) -> dict[str, Any] | None:
        """Return the mapping; None for nothing."""
        if not self.ways[self.way]:
            return None
        return {**self.lines[self.way].values(), **self.others.values()}

    def show_value(self, value: Mapping[str, Any] | None) -> None:
        """Show a mapping."""
        found = dict(value or {})
        keys = {way: {field.key for field in fields} for way, fields in self.ways.items() if fields}
        whole = [way for way, names in keys.items() if names <= found.keys()]
        fitting = whole or [way for way, names in keys.items() if names & found.keys()]
        if value is None:
            self._show_way(next(iter(self.ways)))
        elif self.way not in fitting and (fitting or not self.ways[self.way]):
            self._show_way((fitting or list(keys))[0])
        self.lines[self.way].show_values(found)
        self.others.show_values(found)

    def show_fault(self, key: str, text: str) -> None:
        """Mark the field that is wrong; "" for none."""
        for line in (self.lines[self.way], self.others):
            line.show_fault(key, text)

    def _choose(self, _: int) -> None:
        """Begin another way with its first values."""
        self._show_way(self.way)
        fields = self.ways[self.way]
        if fields and not self.lines[self.way].values():
            self.lines[self.way].show_values({field.key: field.first for field in fields})
        self.edited.emit()

    def _show_way(self, way: str) -> None:
        self.box.setCurrentText(way)
        for name, line in self.lines.items():
            line.setVisible(name == way and bool(self.ways[name]))
        self.others.setVisible(bool(self.ways[way]) and bool(self.others.fields))
