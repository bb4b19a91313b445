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

_FIELDS_IN_A_ROW, _BUTTONS_PX = 3, 104


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
        """Put three fields in a row, and the button at their right."""
        grid = QGridLayout()
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(GAP)
        grid.setVerticalSpacing(5)
        for number, editor in enumerate(self.editors.values()):
            grid.addWidget(_labelled(editor), *divmod(number, _FIELDS_IN_A_ROW))
        for column in range(_FIELDS_IN_A_ROW):
            grid.setColumnStretch(column, 1)
        self.button.setMinimumWidth(_BUTTONS_PX)
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
