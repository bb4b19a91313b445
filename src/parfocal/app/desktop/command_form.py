"""A command with all that it takes, its progress, and what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from parfocal.app.desktop.editors import FieldEditor
from parfocal.app.desktop.request_line import RequestLine
from parfocal.app.desktop.service_form import command_fields, command_label
from parfocal.app.desktop.style import GAP

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from parfocal.app.desktop.fields import Limits
    from parfocal.app.desktop.request import Request
    from parfocal.ipc import CommandInfo

_MOST_IN_A_ROW, _BUTTONS_PX = 3, 104
_WIDTH_PX = 396
"""Of a form, at most: that of the right side of the window, less its margins."""


class CommandForm(QWidget):
    """Asks for a command.

    Parameters
    ----------
    info : CommandInfo
        The command.
    limits : mapping
        Limits of numbers by the names of parameters.
    ask : callable
        ``ask(command, arguments)`` returns the request.
    """

    def __init__(
        self,
        info: CommandInfo,
        limits: Mapping[str, Limits],
        ask: Callable[[str, dict[str, Any]], Request],
    ) -> None:
        super().__init__()
        self.info = info
        self._ask = ask
        self.editors = {field.name: FieldEditor(field) for field in command_fields(info, limits)}
        self.button = QPushButton(command_label(info.name))
        self.button.setToolTip(info.doc or info.name)
        self.button.clicked.connect(lambda: self.run())
        if info.effect == "stops":
            self.button.setObjectName("stop")
        self.line = RequestLine()
        self._lay_out()

    def arguments(self) -> dict[str, Any]:
        """Return what is to be given: what is required, and what is not as by default."""
        required = {parameter.name for parameter in self.info.parameters if parameter.required}
        values = {name: editor.value for name, editor in self.editors.items()}
        return {
            name: value
            for name, value in values.items()
            if name in required or value != self.editors[name].field.default
        }

    def run(self) -> None:
        """Ask for it now, unless something is written that is no number."""
        checked = [editor.check() for editor in self.editors.values()]  # so that all are marked
        if not all(checked):
            return
        self.line.follow(self._ask(self.info.name, self.arguments()))

    def refresh(self) -> None:
        """Show how far it is."""
        self.line.refresh()

    def _lay_out(self) -> None:
        """Put up to three fields in a row, as many as there is room for, and the button at their right."""
        grid = QGridLayout()
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(GAP)
        grid.setVerticalSpacing(5)
        self.button.setMinimumWidth(_BUTTONS_PX)
        fields = [_labelled(editor) for editor in self.editors.values()]
        widest = max([field.minimumSizeHint().width() for field in fields], default=0) + GAP
        room = _WIDTH_PX - max(_BUTTONS_PX, self.button.sizeHint().width())
        in_a_row = min(_MOST_IN_A_ROW, max(1, room // max(1, widest)))
        for number, field in enumerate(fields):
            grid.addWidget(field, *divmod(number, in_a_row))
        for column in range(in_a_row):
            grid.setColumnStretch(column, 1)
        row = QHBoxLayout()
        row.setSpacing(GAP)
        if self.editors:
            row.addLayout(grid, 1)
        row.addWidget(self.button, 0 if self.editors else 1, Qt.AlignmentFlag.AlignBottom)
        column_of_all = QVBoxLayout(self)
        column_of_all.setContentsMargins(0, 0, 0, 0)
        column_of_all.setSpacing(3)
        column_of_all.addLayout(row)
        column_of_all.addWidget(self.line)


def _labelled(editor: FieldEditor) -> QWidget:
    """Return an editor below its label."""
    field = editor.field
    label = QLabel(f"{field.label} ({field.unit})" if field.unit else field.label)
    label.setObjectName("faint")
    label.setToolTip(editor.toolTip())
    whole = QWidget()
    column = QVBoxLayout(whole)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(1)
    column.addWidget(label)
    column.addWidget(editor)
    return whole
