"""Values that are shown and edited in place: controls of a service, or its settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtWidgets import QGridLayout, QLabel, QWidget

from parfocal.app.desktop.editors import FieldEditor
from parfocal.app.desktop.fields import unit_text
from parfocal.app.desktop.request_line import RequestLine
from parfocal.app.desktop.style import GAP

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from parfocal.app.desktop.fields import FormField
    from parfocal.app.desktop.request import Request

_LABELS_PX, _UNITS_PX = 96, 34


class ValueForm(QWidget):
    """A row for each field: label, editor, and below it what became of a change.

    Parameters
    ----------
    fields : dict of str to FormField
        By the keys of the values that are shown.
    change : callable
        ``change(key, value)`` asks for a change, and returns the request; None if it is not asked for yet.
    """

    def __init__(self, fields: Mapping[str, FormField], change: Callable[[str, Any], Request | None]) -> None:
        super().__init__()
        self._change = change
        self._values: Mapping[str, Any] = {}
        self.editors: dict[str, FieldEditor] = {}
        self.lines: dict[str, RequestLine] = {}
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(GAP)
        self._grid.setVerticalSpacing(5)
        self._grid.setColumnStretch(1, 1)
        self._grid.setColumnMinimumWidth(0, _LABELS_PX)
        self._grid.setColumnMinimumWidth(2, _UNITS_PX)
        self.setVisible(bool(fields))
        for key, field in fields.items():
            self._add(key, field)

    def show_values(self, values: Mapping[str, Any]) -> None:
        """Show these, but for those that a person is about to change, or has asked for."""
        self._values = values
        for key, editor in self.editors.items():
            if key in values and not self.lines[key].is_pending:
                editor.show_value(values[key])

    def refresh(self) -> None:
        """Show what became of changes."""
        for line in self.lines.values():
            line.refresh()

    def _add(self, key: str, field: FormField) -> None:
        editor = self.editors[key] = FieldEditor(field)
        line = self.lines[key] = RequestLine()
        label = QLabel(field.label)
        label.setObjectName("faint")
        label.setToolTip(editor.toolTip())
        label.setWordWrap(True)
        editor.edited.connect(lambda value: self._edited(key, value))
        row = 2 * len(self.lines)
        self._grid.addWidget(label, row, 0)
        self._grid.addWidget(editor, row, 1)
        if unit_text(field.name):
            unit = QLabel(unit_text(field.name))
            unit.setObjectName("faint")
            self._grid.addWidget(unit, row, 2)
        self._grid.addWidget(line, row + 1, 1, 1, 2)

    def _edited(self, key: str, value: Any) -> None:
        """Ask for the change; a refused one goes back to what is, and the refusal stays below it."""
        request = self._change(key, value)
        if request is not None:
            self.lines[key].follow(request.then(lambda request: self._answered(key, request)))

    def _answered(self, key: str, request: Request) -> None:
        if request.error is not None and key in self._values:
            self.editors[key].show_value(self._values[key])
