"""Widgets that edit one value each. A person's change is told once; one from elsewhere is shown."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import msgspec
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QCheckBox, QComboBox, QHBoxLayout, QLineEdit, QWidget

from parfocal.app.desktop.fields import FormField
from parfocal.app.desktop.look import set_look
from parfocal.app.desktop.number_text import read_number
from parfocal.core.text_values import read_value

if TYPE_CHECKING:
    from collections.abc import Callable

_WIDTH_PX = 64


class NumberField(QLineEdit):
    """A number, with a point in every country and as many digits as it needs; up and down step its digits."""

    def __init__(self, *, integer: bool) -> None:
        super().__init__()
        self._integer = integer
        self.textEdited.connect(lambda _: self.mark(False))

    @property
    def value(self) -> float | None:
        """The number; None while there is none."""
        number = read_number(self.text())
        if number is None or not self._integer or not float(number).is_integer():
            return number
        return read_number(f"{number:.0f}")  # 2e3 is whole, too

    @property
    def is_wrong(self) -> bool:
        """Whether something else than a number is written, such as 1,5: nothing is guessed of it."""
        return bool(self.text().strip()) and self.value is None

    def check(self) -> bool:
        """Return whether what is written can be taken; show it if not."""
        self.mark(self.is_wrong)
        return not self.is_wrong

    def mark(self, wrong: bool) -> None:
        """Show that what is written is no number, or no longer."""
        name = "wrong" if wrong else ""
        if name != self.objectName():
            self.setToolTip("not a number: write it as 1.5 or 2e-3" if wrong else "")
            set_look(self, name)

    def show_value(self, value: float | None) -> None:
        """Show a number; None for none."""
        self.mark(False)
        self.setText("" if value is None else f"{value:d}" if isinstance(value, int) else f"{value:.9g}")
        self.setCursorPosition(0)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Step by a tenth of what it is, upwards or downwards."""
        ways = {Qt.Key.Key_Up: 1, Qt.Key.Key_Down: -1}
        way = ways.get(Qt.Key(event.key()))
        if way is None or self.value is None:
            super().keyPressEvent(event)
            return
        step = 10.0 ** (math.floor(math.log10(abs(self.value))) - 1) if self.value else 1.0
        stepped = self.value + way * (max(1, round(step)) if self._integer else step)
        self.show_value(int(stepped) if self._integer else stepped)


class FieldEditor(QWidget):
    """Edits the value of a field.

    Signals
    -------
    edited : object
        What a person has chosen, once it is whole.
    """

    edited = Signal(object)

    def __init__(self, field: FormField) -> None:
        super().__init__()
        self.field = field
        self.setToolTip(tip_of(field))
        makers: dict[str, Callable[[], tuple[QWidget, Callable[[Any], None], Callable[[], Any]]]] = {
            "number": self._number,
            "integer": self._number,
            "truth": self._truth,
            "choice": self._choice,
        }
        self.input, self._show, self._read = makers.get(field.kind, self._line)()
        self._shown: Any = None
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.input)
        self.setFocusProxy(self.input)
        self.setMinimumWidth(40 if field.kind == "truth" else _WIDTH_PX)
        self.show_value(field.default)

    @property
    def value(self) -> Any:
        """What stands in it."""
        return self._read()

    def check(self) -> bool:
        """Return whether what is written can be taken; show it if not."""
        return not isinstance(self.input, NumberField) or self.input.check()

    def show_value(self, value: Any) -> None:
        """Show a value from elsewhere, unless a person is about to change it."""
        if self.input.hasFocus() and self._shown is not None and self._read() != self._shown:
            return
        self._shown = value
        self.input.blockSignals(True)
        self._show(value)
        self.input.blockSignals(False)

    def _tell(self) -> None:
        value = self._read()
        is_missing = value is None and isinstance(self.input, NumberField) and not self.field.optional
        if not self.check() or is_missing:
            return
        if value != self._shown:
            self._shown = value
            self.edited.emit(value)

    def _number(self) -> tuple[QWidget, Callable[[Any], None], Callable[[], Any]]:
        line = NumberField(integer=self.field.kind == "integer")
        line.setPlaceholderText("none" if self.field.optional else "")
        line.editingFinished.connect(self._tell)
        return line, line.show_value, lambda: line.value

    def _truth(self) -> tuple[QWidget, Callable[[Any], None], Callable[[], Any]]:
        box = QCheckBox()
        box.clicked.connect(lambda _: self._tell())
        return box, lambda value: box.setChecked(bool(value)), box.isChecked

    def _choice(self) -> tuple[QWidget, Callable[[Any], None], Callable[[], Any]]:
        box = QComboBox()
        box.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        box.wheelEvent = lambda event: event.ignore()  # type: ignore[method-assign]
        for choice in (*((None,) if self.field.optional else ()), *self.field.choices):
            box.addItem("as it is" if choice is None else str(choice), choice)
        box.activated.connect(lambda _: self._tell())
        return box, lambda value: box.setCurrentIndex(max(0, box.findData(value))), box.currentData

    def _line(self) -> tuple[QWidget, Callable[[Any], None], Callable[[], Any]]:
        box, field = QLineEdit(), self.field
        box.setPlaceholderText("none" if field.optional else "")
        box.editingFinished.connect(self._tell)

        def show(value: Any) -> None:
            text = value if isinstance(value, str) else "" if value is None else _json(value)
            box.setText(text)
            box.setCursorPosition(0)

        def read() -> Any:
            text = box.text().strip()
            if not text and (field.optional or field.kind != "text"):
                return None
            return text if field.kind == "text" else read_value(text)

        return box, show, read


def tip_of(field: FormField) -> str:
    """Return what is told of a field when the mouse is over it: its meaning and limits."""
    low = "" if field.low is None else f"from {field.low:g}"
    high = "" if field.high is None else f"to {field.high:g}"
    limits = " ".join(part for part in (low, high, field.unit if low or high else "") if part)
    lines = (field.tip, limits, f"({field.name})")
    return "\n".join(line for line in lines if line)


def _json(value: Any) -> str:
    return msgspec.json.encode(value, enc_hook=str).decode()
